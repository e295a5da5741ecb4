package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/firestore"
	"github.com/throng-im/throng/shared/pubsub"
)

// process is a server that is measured: where it answers, and what it has used.
type process struct {
	base string
	cmd  *exec.Cmd
}

func (p process) stop() {
	_ = p.cmd.Process.Signal(os.Interrupt)
	_ = p.cmd.Wait()
}

// reading is a process's counters at one moment.
type reading struct {
	cost  cost.Counts
	usage cost.Usage
}

func (p process) read() (reading, error) {
	var r reading
	return r, errors.Join(get(p.base+"/debug/cost", &r.cost), get(p.base+"/debug/process", &r.usage))
}

// observe measures and attributes to each operation what the process used.
func (p process) observe(run func() (sample, error)) (sample, error) {
	before, err := p.read()
	if err != nil {
		return sample{}, err
	}
	s, err := run()
	if err != nil {
		return s, err
	}
	after, err := p.read()
	n := float64(s.Operations)
	spent, used := after.cost.Sub(before.cost), after.usage.Sub(before.usage)
	s.Reads, s.Writes = float64(spent.Reads)/n, float64(spent.Writes)/n
	s.CPU, s.Allocs, s.AllocBytes = float64(used.CPU.Microseconds())/n, float64(used.Allocs)/n, float64(used.AllocBytes)/n
	return s, err
}

// town is what the launcher started, and what the benchmark adds to it.
type town struct {
	options
	gateway, fcm string
	// whole is messages in the local cloud, with every other function at work.
	whole process
	// messages, groups and alternatives work in a project of their own whose
	// topics nobody listens to, so that all have the machine for what is measured.
	messages, groups, alternatives process
	// hasty is messages without lingering.
	hasty process
	// store is the same project seen from here, to check what is stored.
	store *firestore.Store
	ps    *pubsub.Client
	// cpu is what the tables before have found, for the model.
	cpu measuredCPU
	// hot counts the hot groups made.
	hot int
}

const quietProject = "demo-bench-quiet"

// openTown starts the servers that the launcher does not know.
func openTown(o options) (*town, func(), error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	t := &town{options: o, gateway: os.Getenv("THRONG_URL"), fcm: os.Getenv("THRONG_FCM_URL"), whole: function("MESSAGES"), cpu: usualCPU}
	if t.store, err = firestore.Open(context.Background(), quietProject, new(cost.Meter)); err != nil {
		return nil, nil, err
	}
	if t.ps, err = pubsub.Open(context.Background(), quietProject, new(cost.Meter)); err != nil {
		return nil, nil, err
	}
	var started []process
	stop := func() {
		_ = t.store.Close()
		_ = t.ps.Close()
		for _, p := range started {
			p.stop()
		}
	}
	for _, s := range []struct {
		into    *process
		program string
		args    []string
		env     []string
	}{
		{&t.alternatives, self, []string{"alternatives"}, nil}, // first, for it makes the topics
		{&t.messages, o.launcher, []string{"function", "messages"}, nil},
		{&t.hasty, o.launcher, []string{"function", "messages"}, []string{"THRONG_LINGER=0"}},
		{&t.groups, o.launcher, []string{"function", "groups"}, nil},
	} {
		if *s.into, err = start(s.program, s.args, append(s.env, "GOOGLE_CLOUD_PROJECT="+quietProject)); err != nil {
			stop()
			return nil, nil, err
		}
		started = append(started, *s.into)
	}
	return t, stop, nil
}

func function(name string) process { return process{base: os.Getenv("THRONG_URL_" + name)} }

// start runs a program of ours as another server on a free port and waits until
// it answers.
func start(program string, args, env []string) (process, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return process{}, err
	}
	port := ln.Addr().(*net.TCPAddr).Port
	_ = ln.Close()
	cmd := exec.Command(program, args...)
	cmd.Env = append(append(os.Environ(), "PORT="+strconv.Itoa(port)), env...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		return process{}, err
	}
	p := process{base: fmt.Sprintf("http://127.0.0.1:%d", port), cmd: cmd}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = get(p.base+"/debug/cost", new(cost.Counts)); err == nil {
			return p, nil
		}
	}
	p.stop()
	return p, fmt.Errorf("%s %v does not answer: %w", program, args, err)
}

func get(address string, into any) error {
	res, err := http.Get(address)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	return json.NewDecoder(res.Body).Decode(into)
}

// once posts one signed form on a connection of its own.
func once(base, path, form string) ([]byte, error) {
	l, err := dial(base)
	if err != nil {
		return nil, err
	}
	defer l.close()
	return l.post(path, form)
}

// device calls the device API with a token.
func device(method, address, token, body string) error {
	_, err := ask(method, address, token, body)
	return err
}

// ask is device for those who want the answer.
func ask(method, address, token, body string) ([]byte, error) {
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, address, err)
	}
	if res.StatusCode >= 300 {
		return nil, fmt.Errorf("%s %s answered %s: %s", method, address, res.Status, text)
	}
	return text, nil
}
