package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// locate says where the emulators will answer: where one runs already, or at a
// port of this cloud's.
func (l *launcher) locate() {
	address := func(k emulatorKind, offset int) string {
		if host := os.Getenv(k.hostEnv); host != "" {
			return host
		}
		return fmt.Sprintf("127.0.0.1:%d", l.base+offset)
	}
	if l.starts("firestore") {
		l.firestore = address(firestoreEmulator, portFirestore)
	}
	if l.starts("pubsub") {
		l.pubsub = address(pubsubEmulator, portPubSub)
	}
}

// startEmulators finds and starts what is not running already.
func (l *launcher) startEmulators(ctx context.Context) error {
	checked := false
	for _, e := range []struct {
		kind   emulatorKind
		offset int
	}{{firestoreEmulator, portFirestore}, {pubsubEmulator, portPubSub}} {
		if !l.starts(e.kind.name) {
			continue
		}
		running, jar, err := e.kind.find(here())
		if err != nil && l.install {
			if err = install(); err == nil {
				running, jar, err = e.kind.find(here())
			}
		}
		if err != nil {
			return err
		}
		if running != "" {
			continue
		}
		if !checked {
			if err := checkJava(runCombined); err != nil {
				return err
			}
			checked = true
		}
		if err := l.startEmulator(ctx, e.kind, jar, e.offset); err != nil {
			return err
		}
	}
	return l.await(ctx, "the emulators", l.silentEmulators)
}

func (l *launcher) startEmulator(ctx context.Context, k emulatorKind, jar string, offset int) error {
	if len(l.command) == 0 {
		l.say("starting the %s emulator", k.name)
	}
	command := append([]string{"java"}, k.command(jar, l.base+offset)...)
	if k.name == "firestore" && l.keeps() {
		if saved := l.saved(); saved != "" {
			l.say("loading what was stored before from %s", l.dataDir())
			command = append(command, "--seed_from_export="+saved)
		}
	}
	// The emulators talk a lot; a file keeps it for when it is needed.
	log, err := os.CreateTemp("", "throng-"+k.name+"-*.log")
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	c, err := start(k.name, nil, log, log, command...)
	if err != nil {
		return err
	}
	l.emulators = append(l.emulators, c)
	name := log.Name()
	go func() {
		<-c.done
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.stopping && ctx.Err() == nil {
			cure := ""
			if k.name == "firestore" && l.keeps() && l.saved() != "" {
				cure = "; if the stored data is broken, start with --fresh"
			}
			l.say("the %s emulator ended: see %s%s", k.name, name, cure)
			return
		}
		_ = os.Remove(name)
	}()
	return nil
}

// silentEmulators names the emulators that do not answer yet.
func (l *launcher) silentEmulators(ctx context.Context) []string {
	var silent []string
	for name, addr := range map[string]string{"firestore": l.firestore, "pubsub": l.pubsub} {
		if addr == "" {
			continue
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/", nil)
		if err != nil {
			silent = append(silent, name)
			continue
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			silent = append(silent, name)
			continue
		}
		_ = res.Body.Close()
	}
	for _, c := range l.emulators {
		select {
		case <-c.done:
			silent = append(silent, c.name+" (ended)")
		default:
		}
	}
	return silent
}

// keeps says whether Firestore's data outlives this run: when a person runs the
// cloud, and the emulator is our own.
func (l *launcher) keeps() bool {
	return len(l.command) == 0 && os.Getenv(firestoreEmulator.hostEnv) == "" && l.starts("firestore")
}

// dataDir is where the data of a project is kept between runs.
func (l *launcher) dataDir() string { return filepath.Join(".throng", l.project) }

// saved returns the file that an import starts from, or "".
func (l *launcher) saved() string {
	if l.fresh {
		return ""
	}
	if _, err := os.Stat(l.dataDir()); errors.Is(err, os.ErrNotExist) {
		// The launcher before this one was killed while it put a new export in
		// the place of the old.
		_ = os.Rename(l.dataDir()+".old", l.dataDir())
	}
	found, _ := filepath.Glob(filepath.Join(l.dataDir(), "*.overall_export_metadata"))
	if len(found) == 0 {
		return ""
	}
	abs, err := filepath.Abs(found[0])
	if err != nil {
		return ""
	}
	return abs
}

// save exports Firestore's data. The last good export stays until the new one
// is complete.
func (l *launcher) save() error {
	if !l.keeps() || len(l.silentEmulators(context.Background())) > 0 {
		return nil
	}
	l.say("keeping what is stored in %s", l.dataDir())
	if err := os.MkdirAll(".throng", 0o755); err != nil {
		return err
	}
	work, err := filepath.Abs(".throng")
	if err != nil {
		return err
	}
	if work, err = os.MkdirTemp(work, "export-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	body, _ := json.Marshal(map[string]string{
		"database":         "projects/" + l.project + "/databases/(default)",
		"export_directory": work, "export_name": "data",
	})
	client := &http.Client{Timeout: time.Minute}
	res, err := client.Post("http://"+l.firestore+"/emulator/v1/projects/"+l.project+":export", "application/json", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("the data could not be kept: %w", err)
	}
	text, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	made := filepath.Join(work, "data")
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the data could not be kept: %s %s", res.Status, strings.TrimSpace(string(text)))
	}
	old := l.dataDir() + ".old"
	_ = os.RemoveAll(old)
	if err := os.Rename(l.dataDir(), old); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(made, l.dataDir()); err != nil {
		return err
	}
	return os.RemoveAll(old)
}
