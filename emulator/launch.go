package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/throng-im/throng/emulator/fcm"
	"github.com/throng-im/throng/functions"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/hourlog"
	"github.com/throng-im/throng/shared/pubsub"
)

// startTimeout is how long everything may take to answer.
const startTimeout = 90 * time.Second

// launcher is one local cloud.
type launcher struct {
	options
	manifest *functions.Manifest
	base     int
	out      io.Writer
	// firestore and pubsub are the emulators' addresses.
	firestore, pubsub string
	env               []string
	gateway           *gateway
	// ps is nil until the topics and subscriptions are there.
	ps atomic.Pointer[pubsub.Client]
	// stopPost ends the delivery of events and returns when it has ended; noPost is
	// why it ended by itself.
	stopPost func()
	noPost   atomic.Pointer[error]

	mu        sync.Mutex
	stopping  bool
	emulators []*child
	functions map[string]*child
	servers   []*http.Server
}

// launch runs the local cloud until it is told to stop, or for as long as the
// command behind -- runs. Its result is the exit code.
func launch(args []string) (int, error) {
	o, err := parseOptions(args, os.Getenv)
	if errors.Is(err, flag.ErrHelp) {
		return 0, nil
	}
	if err != nil {
		return 1, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	gone := abandoned()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-gone:
			cancel()
		case <-ctx.Done():
		}
	}()
	l := &launcher{options: o, out: os.Stderr, functions: map[string]*child{}, stopPost: func() {}}
	started := time.Now()
	code, err := 0, l.up(ctx)
	if err == nil {
		if len(o.command) > 0 {
			code, err = l.run(ctx)
		} else {
			l.welcome(time.Since(started))
			<-ctx.Done()
		}
	}
	if ctx.Err() != nil {
		stop() // a second Ctrl-C ends the launcher at once
		if err != nil {
			err = nil
			code = 1
		}
	}
	return code, errors.Join(err, l.down())
}

func (l *launcher) say(format string, args ...any) { _, _ = fmt.Fprintf(l.out, format+"\n", args...) }

// up starts everything and waits until it answers.
func (l *launcher) up(ctx context.Context) error {
	m, err := functions.Load()
	if err != nil {
		return err
	}
	l.manifest = m
	names := make([]string, len(m.Functions))
	for i, f := range m.Functions {
		names[i] = f.Name
	}
	if l.base, err = l.choosePort(names, portFree); err != nil {
		return err
	}
	l.locate()
	l.setEnv()
	if l.fresh {
		if err := os.RemoveAll(l.logsDir()); err != nil {
			return err
		}
	}
	if l.starts("fcm") {
		if err := l.serve(portFCM, fcm.New()); err != nil {
			return err
		}
	}
	// The gateway tells from the beginning what is missing.
	if len(l.only) == 0 {
		if err := l.openGateway(); err != nil {
			return err
		}
	}
	if err := l.startEmulators(ctx); err != nil {
		return err
	}
	if len(l.only) > 0 {
		return nil
	}
	return l.startCloud(ctx)
}

func (l *launcher) setEnv() {
	l.env = []string{"GOOGLE_CLOUD_PROJECT=" + l.project, "THRONG_APP_KEY=" + l.key, "THRONG_APP_SECRET=" + l.secret}
	add := func(name, value string) { l.env = append(l.env, name+"="+value) }
	if l.firestore != "" {
		add("FIRESTORE_EMULATOR_HOST", l.firestore)
	}
	if l.pubsub != "" {
		add("PUBSUB_EMULATOR_HOST", l.pubsub)
	}
	if l.starts("fcm") {
		add("THRONG_FCM_ENDPOINT", l.address(portFCM)+"/v1")
		add("THRONG_FCM_URL", l.address(portFCM))
	}
	if l.latency > 0 {
		add("THRONG_LATENCY", l.latency.String())
	}
	if l.chaos > 0 {
		add("THRONG_CHAOS", strconv.FormatFloat(l.chaos, 'f', -1, 64))
	}
	if l.trace {
		add("THRONG_TRACE", "1")
	}
	if len(l.only) == 0 {
		add("THRONG_URL", l.address(portGateway))
		if os.Getenv("THRONG_LOGS") == "" {
			add("THRONG_LOGS", l.logs())
		}
		for i, f := range l.manifest.Functions {
			add("THRONG_URL_"+strings.ToUpper(f.Name), l.address(portFunctions+i))
		}
	}
}

func (l *launcher) address(offset int) string {
	return fmt.Sprintf("http://127.0.0.1:%d", l.base+offset)
}

// openGateway opens the gateway and the console.
func (l *launcher) openGateway() error {
	at := map[string]*url.URL{}
	for i, f := range l.manifest.Functions {
		at[f.Name], _ = url.Parse(l.address(portFunctions + i))
	}
	l.gateway = newGateway(l.manifest, at)
	l.gateway.download = hourlog.Download(l.logs(), l.secret)
	l.gateway.publish = func(ctx context.Context, topic string, payload []byte) error {
		ps := l.ps.Load()
		if ps == nil {
			return errNotYet
		}
		return ps.Publish(ctx, topic, payload)
	}
	l.parts(at)
	if err := l.serve(portGateway, l.gateway); err != nil {
		return err
	}
	return l.serve(portConsole, l.console())
}

// errNotYet is what a part answers that has not been started.
var errNotYet = errors.New("not started yet")

// startCloud starts topics and functions.
func (l *launcher) startCloud(ctx context.Context) error {
	if err := os.Setenv("PUBSUB_EMULATOR_HOST", l.pubsub); err != nil {
		return err
	}
	ps, err := pubsub.Open(ctx, l.project, new(cost.Meter))
	if err != nil {
		return err
	}
	if err := ps.Ensure(ctx, l.manifest.TopicNames(), l.subscriptions(l.gateway.at)); err != nil {
		return errors.Join(err, ps.Close())
	}
	l.ps.Store(ps)
	for i, f := range l.manifest.Functions {
		if err := l.startFunction(f, l.base+portFunctions+i); err != nil {
			return err
		}
	}
	l.startPost(ctx, ps)
	return l.await(ctx, "the functions", func(ctx context.Context) []string { return l.gateway.missing(ctx) })
}

// startPost starts to deliver events, until ctx ends or somebody calls stopPost.
func (l *launcher) startPost(ctx context.Context, ps *pubsub.Client) {
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := ps.Deliver(ctx, l.subscriptions(l.gateway.at)); err != nil {
			l.noPost.Store(&err)
			l.say("events are not delivered any more: %v; start the local cloud again", err)
		}
	}()
	l.stopPost = func() { stop(); <-done }
}

func (l *launcher) subscriptions(at map[string]*url.URL) []pubsub.Subscription {
	var subs []pubsub.Subscription
	for _, f := range l.manifest.Functions {
		for _, s := range f.Subscriptions() {
			subs = append(subs, pubsub.Subscription{
				Name: s.Name, Topic: s.Topic, Endpoint: at[f.Name].String() + s.Path, Deadline: time.Duration(f.TimeoutSeconds) * time.Second, AtOnce: f.Concurrency,
				Attempts: f.Attempts, MaxBackoff: time.Duration(f.MaxBackoffSeconds) * time.Second,
			})
		}
	}
	return subs
}

// parts lists what healthz asks.
func (l *launcher) parts(at map[string]*url.URL) {
	g := l.gateway
	firestore, _ := url.Parse("http://" + l.firestore)
	fcmAt, _ := url.Parse(l.address(portFCM) + "/emulator/pushes?since=9999999999999")
	g.parts = []part{
		{"firestore", g.answers(firestore)},
		{"pubsub", func(ctx context.Context) error {
			ps := l.ps.Load()
			if ps == nil {
				return errNotYet
			}
			return ps.Ready(ctx, l.manifest.TopicNames())
		}},
		{"fcm", g.answers(fcmAt)},
		{"events", func(context.Context) error {
			if err := l.noPost.Load(); err != nil {
				return *err
			}
			return nil
		}},
	}
	for _, f := range l.manifest.Functions {
		g.parts = append(g.parts, part{f.Name, g.answers(at[f.Name])})
	}
}

// startFunction starts a function and, should it end before the launcher does,
// starts it again.
func (l *launcher) startFunction(f functions.Function, port int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	env := append(slices.Clone(l.env), "FUNCTION_TARGET="+f.Name, fmt.Sprintf("PORT=%d", port))
	c, err := start(f.Name, env, l.out, l.out, self, "function", f.Name)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.functions[f.Name] = c
	l.mu.Unlock()
	go func() {
		<-c.done
		l.mu.Lock()
		stopping := l.stopping
		l.mu.Unlock()
		if stopping {
			return
		}
		l.say("%s ended, starting it again", f.Name)
		time.Sleep(restartPause)
		l.mu.Lock()
		stopping = l.stopping
		l.mu.Unlock()
		if !stopping {
			if err := l.startFunction(f, port); err != nil {
				l.say("%s: %v", f.Name, err)
			}
		}
	}()
	return nil
}

// restartPause keeps a function that ends at once from filling the screen.
const restartPause = 200 * time.Millisecond

// serve listens on a port of the launcher's own.
func (l *launcher) serve(offset int, h http.Handler) error {
	s := &http.Server{Addr: fmt.Sprintf("127.0.0.1:%d", l.base+offset), Handler: h, ReadHeaderTimeout: 10 * time.Second}
	ln, err := net.Listen("tcp", s.Addr)
	if err != nil {
		return err
	}
	l.servers = append(l.servers, s)
	go func() { _ = s.Serve(ln) }()
	return nil
}

// await asks until nothing is missing.
func (l *launcher) await(ctx context.Context, what string, missing func(context.Context) []string) error {
	deadline, announced := time.Now().Add(startTimeout), time.Now().Add(5*time.Second)
	for {
		names := missing(ctx)
		switch {
		case len(names) == 0:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(deadline):
			return fmt.Errorf("%s did not answer within %s: %v is missing; what it said is above", what, startTimeout, names)
		case time.Now().After(announced):
			l.say("waiting for %v", names)
			announced = time.Now().Add(10 * time.Second)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// run runs the command inside the local cloud.
func (l *launcher) run(ctx context.Context) (int, error) {
	c, err := start(l.command[0], l.env, os.Stdout, os.Stderr, l.command...)
	if err != nil {
		return 1, err
	}
	select {
	case <-c.done:
		return c.code, nil
	case <-ctx.Done():
		c.stop()
		return 1, nil
	}
}

// down stops everything: the functions first, so that they drain while what
// they need is still there.
func (l *launcher) down() error {
	l.mu.Lock()
	l.stopping = true
	var running []*child
	for _, c := range l.functions {
		running = append(running, c)
	}
	l.mu.Unlock()
	for _, s := range l.servers {
		_ = s.Close()
	}
	var wg sync.WaitGroup
	for _, c := range running {
		wg.Go(c.stop)
	}
	wg.Wait()
	err := l.save()
	if !l.keeps() {
		err = errors.Join(err, os.RemoveAll(l.logsDir()))
	}
	if ps := l.ps.Load(); ps != nil {
		l.stopPost()
		// An emulator that goes on without us need not keep what nobody fetches.
		if len(l.emulators) < 2 {
			err = errors.Join(err, ps.Remove(context.Background(), l.subscriptions(l.gateway.at)))
		}
		_ = ps.Close()
	}
	for _, c := range l.emulators {
		wg.Go(c.stop)
	}
	wg.Wait()
	return err
}
