// Package chaos makes Firestore, Pub/Sub and the delivery of events behave as
// they do on a bad day: slow, refusing, answering too late or not at all. It
// sits in the gRPC connections and in front of the event handlers, so that what
// is tested is the whole program as it is deployed. The local cloud turns it on
// with --latency and --chaos; production never sets its variables.
package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Plan says how bad the day is. The zero value is a good one.
type Plan struct {
	// Latency is added to every call. THRONG_LATENCY, a Go duration.
	Latency time.Duration
	// Rate is the part of calls and events that go wrong, from 0 to 1.
	// THRONG_CHAOS.
	Rate float64
	// Seed makes two runs draw the same faults in the same order of calls.
	Seed uint64
	// Serial is how many writes a second one document takes; more have to wait,
	// as they do where many contend for it. 0 does not limit. THRONG_SERIAL.
	Serial float64
}

// FromEnv reads the plan from the environment.
func FromEnv(get func(string) string) (Plan, error) {
	p := Plan{Seed: rand.Uint64()}
	var err error
	if v := get("THRONG_LATENCY"); v != "" {
		if p.Latency, err = time.ParseDuration(v); err != nil || p.Latency < 0 {
			return p, fmt.Errorf("THRONG_LATENCY is not a duration such as 30ms")
		}
	}
	if v := get("THRONG_CHAOS"); v != "" {
		if p.Rate, err = strconv.ParseFloat(v, 64); err != nil || p.Rate < 0 || p.Rate > 1 {
			return p, fmt.Errorf("THRONG_CHAOS is not a part of 1 such as 0.05")
		}
	}
	if v := get("THRONG_SERIAL"); v != "" {
		if p.Serial, err = strconv.ParseFloat(v, 64); err != nil || p.Serial < 0 {
			return p, fmt.Errorf("THRONG_SERIAL is not a number of writes a second")
		}
	}
	return p, nil
}

// Chaos injects what a Plan asks for. It is safe for concurrent use.
type Chaos struct {
	plan Plan

	mu  sync.Mutex
	rng *rand.Rand
	// free is when a document takes its next write.
	free map[string]time.Time
	// late counts calls that go on after their caller was told they failed.
	late sync.WaitGroup
	off  bool
}

// New starts to carry out a plan.
func New(p Plan) *Chaos {
	return &Chaos{plan: p, rng: rand.New(rand.NewPCG(p.Seed, 1)), free: map[string]time.Time{}}
}

// process is what the environment asks for in this process.
var process = sync.OnceValues(func() (*Chaos, error) {
	p, err := FromEnv(os.Getenv)
	return New(p), err
})

// Process is the chaos that the environment asks for.
func Process() (*Chaos, error) { return process() }

// End lets everything go well from now on, and waits for calls that were to
// land late.
func (c *Chaos) End() {
	c.mu.Lock()
	c.off = true
	c.mu.Unlock()
	c.late.Wait()
}

// roll draws what happens to a call: one of n faults, or none (-1).
func (c *Chaos) roll(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.off || c.plan.Rate == 0 || c.rng.Float64() >= c.plan.Rate {
		return -1
	}
	return c.rng.IntN(n)
}

func (c *Chaos) pause(most time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Duration(c.rng.Int64N(int64(most) + 1))
}

// Codes with which a call is refused before it has done anything, and codes
// that say nothing about what it has done.
var (
	refusals = []codes.Code{codes.Aborted, codes.ResourceExhausted}
	unknowns = []codes.Code{codes.Unavailable, codes.DeadlineExceeded, codes.Unknown, codes.Internal}
)

// lateBy is the most that a call lands after its failure was told.
const lateBy = 50 * time.Millisecond

// DialOptions put the chaos into a connection; none on a good day.
func (c *Chaos) DialOptions() []grpc.DialOption {
	if c.plan.Latency == 0 && c.plan.Rate == 0 {
		return nil
	}
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(c.call), grpc.WithChainStreamInterceptor(c.stream)}
}

// call carries out a commit or a publish.
func (c *Chaos) call(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if err := wait(ctx, c.plan.Latency); err != nil {
		return err
	}
	do := func() error { return invoke(ctx, method, req, reply, cc, opts...) }
	switch c.roll(5) {
	case 0: // refused
		return c.fault(refusals, method)
	case 1: // lost on its way
		return c.fault(unknowns, method)
	case 2: // done, but the answer is lost
		if err := do(); err != nil {
			return err
		}
		return c.fault(unknowns, method)
	case 3: // done after the caller was told that it failed
		pause := c.pause(lateBy)
		c.late.Go(func() {
			time.Sleep(pause)
			_ = invoke(context.WithoutCancel(ctx), method, req, reply, cc, opts...)
		})
		// The message may still be encoded when its sender tries again; the
		// reply is nobody's.
		return c.fault(unknowns, method)
	case 4: // slow
		if err := wait(ctx, c.pause(lateBy)); err != nil {
			return err
		}
	}
	return do()
}

// stream carries out a read.
func (c *Chaos) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if err := wait(ctx, c.plan.Latency); err != nil {
		return nil, err
	}
	switch c.roll(3) {
	case 0:
		return nil, c.fault(refusals, method)
	case 1:
		return nil, c.fault(unknowns, method)
	case 2:
		if err := wait(ctx, c.pause(lateBy)); err != nil {
			return nil, err
		}
	}
	return open(ctx, desc, cc, method, opts...)
}

func (c *Chaos) fault(list []codes.Code, method string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return status.Errorf(list[c.rng.IntN(len(list))], "injected into %s", method[strings.LastIndexByte(method, '/')+1:])
}

// Queues says whether Queue ever holds a commit back, so that nobody prepares
// for it on a good day.
func (c *Chaos) Queues() bool { return c.plan.Serial > 0 }

// Queue holds a commit back until its documents take another write.
func (c *Chaos) Queue(ctx context.Context, paths []string) error {
	if !c.Queues() {
		return nil
	}
	c.mu.Lock()
	now := time.Now()
	at := now
	for _, path := range paths {
		if f := c.free[path]; f.After(at) {
			at = f
		}
	}
	for _, path := range paths {
		c.free[path] = at.Add(time.Duration(float64(time.Second) / c.plan.Serial))
	}
	c.mu.Unlock()
	return wait(ctx, at.Sub(now))
}

func wait(ctx context.Context, pause time.Duration) error {
	if pause <= 0 {
		return nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}
