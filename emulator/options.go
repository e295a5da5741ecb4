package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Offsets of the ports from the base port.
const (
	portGateway = iota
	portConsole
	portFirestore
	portPubSub
	portFCM
	portFunctions = 10
	// portsApart keeps the ranges of clouds that find their own apart.
	portsApart = 30
)

// The parts that --only can choose.
var selectable = []string{"firestore", "pubsub", "fcm"}

type options struct {
	port    int
	project string
	fresh   bool
	only    []string
	trace   bool
	latency time.Duration
	chaos   float64
	install bool
	key     string
	secret  string
	// command runs inside the local cloud instead of a person looking at it.
	command []string
}

func parseOptions(args []string, getenv func(string) string) (options, error) {
	o := options{key: cmp.Or(getenv("THRONG_APP_KEY"), "dev-app"), secret: cmp.Or(getenv("THRONG_APP_SECRET"), "dev-secret")}
	if i := slices.Index(args, "--"); i >= 0 {
		args, o.command = args[:i], args[i+1:]
		if len(o.command) == 0 {
			return o, errors.New("a command must follow --")
		}
	}
	port := 8080
	if p := getenv("THRONG_PORT"); p != "" {
		n, err := strconv.Atoi(p)
		if err != nil {
			return o, fmt.Errorf("THRONG_PORT is %q, not a port", p)
		}
		port = n
	}
	set := flag.NewFlagSet("emulator", flag.ContinueOnError)
	set.IntVar(&o.port, "port", port, "base port; 0 finds a free range")
	set.StringVar(&o.project, "project", "demo-throng", "name of the project")
	set.BoolVar(&o.fresh, "fresh", false, "start with an empty Firestore")
	only := set.String("only", "", "start just these, separated by commas: "+strings.Join(selectable, ", "))
	set.BoolVar(&o.trace, "trace", false, "print a line per function call")
	set.DurationVar(&o.latency, "latency", 0, "add this much to every Firestore and Pub/Sub call")
	set.Float64Var(&o.chaos, "chaos", 0, "let this part of all calls and events go wrong, from 0 to 1")
	set.BoolVar(&o.install, "install", false, "install emulators that are missing")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	if set.NArg() > 0 {
		return o, fmt.Errorf("%q is no option; a command to run goes behind --", set.Arg(0))
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
		for _, p := range o.only {
			if !slices.Contains(selectable, p) {
				return o, fmt.Errorf("--only knows %s, not %q", strings.Join(selectable, ", "), p)
			}
		}
	}
	if o.chaos < 0 || o.chaos > 1 {
		return o, fmt.Errorf("--chaos %v is not from 0 to 1", o.chaos)
	}
	if o.port < 0 || o.port > 65000 {
		return o, fmt.Errorf("--port %d is not from 0 to 65000", o.port)
	}
	return o, nil
}

func (o options) starts(name string) bool {
	return len(o.only) == 0 || slices.Contains(o.only, name)
}

// claims are the ports that will be taken, by what takes them.
func (o options) claims(base int, functions []string) map[int]string {
	out := map[int]string{}
	for name, offset := range map[string]int{"firestore": portFirestore, "pubsub": portPubSub, "fcm": portFCM} {
		if o.starts(name) {
			out[base+offset] = name
		}
	}
	if len(o.only) == 0 {
		out[base+portGateway], out[base+portConsole] = "gateway", "console"
		for i, f := range functions {
			out[base+portFunctions+i] = f
		}
	}
	return out
}

// choosePort returns the base port, having seen that everything it stands for
// is free.
func (o options) choosePort(functions []string, free func(port int) bool) (int, error) {
	if o.port != 0 {
		for port, name := range o.claims(o.port, functions) {
			if !free(port) {
				return 0, fmt.Errorf("port %d is taken, and %s needs it: stop what uses it, or choose another base port with --port N or THRONG_PORT", port, name)
			}
		}
		return o.port, nil
	}
	// Below the range from which systems take ports for outgoing connections.
	start := 10020 + (os.Getpid()%600)*portsApart
	for base := start; base < start+100*portsApart; base += portsApart {
		taken := false
		for port := range o.claims(base, functions) {
			taken = taken || !free(port)
		}
		if !taken {
			return base, nil
		}
	}
	return 0, errors.New("no free range of ports was found; choose one with --port N")
}

func portFree(port int) bool {
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	_ = ln.Close()
	return true
}
