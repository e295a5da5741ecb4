package devices_test

import (
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

const (
	// cities are played at the same time, for a round mostly waits; each plays so
	// many rounds. With THRONG_LONG each plays on for as long as rapid asks.
	cities, rounds = 3, 5
)

// TestDevicesAgree has users, their devices and the app's server do what they like,
// and instances of the stream come and go. What devices are told on the way is held
// against the model, and in the end each shows what its user may see, and the same
// as the user's other one.
func TestDevicesAgree(t *testing.T) {
	needEmulators(t)
	if os.Getenv("THRONG_VERBOSE") == "" {
		slog.SetLogLoggerLevel(slog.LevelError + 1)
	}
	for i := range cities {
		t.Run(fmt.Sprint("city ", i), func(t *testing.T) {
			t.Parallel()
			c := newCity(t)
			var round atomic.Int64
			rapid.Check(t, func(r *rapid.T) {
				n := int(round.Add(1))
				if n > rounds && os.Getenv("THRONG_LONG") == "" && !c.failing.Load() {
					return
				}
				p := newPlay(c, r, n)
				defer func() {
					for _, d := range p.devices {
						d.disconnect()
					}
				}()
				c.post.bad.Store(true)
				p.join(p.groups[0])
				for range rapid.IntRange(5, 40).Draw(r, "steps") {
					p.step()
				}
				p.finish()
			})
		})
	}
}
