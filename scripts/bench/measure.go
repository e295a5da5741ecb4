package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/firestore"
)

// measure prints the table.
func measure(ctx context.Context, p plan) error {
	c := newCaller()
	store, err := firestore.Open(ctx, os.Getenv("GOOGLE_CLOUD_PROJECT"), new(cost.Meter))
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	if _, err := c.call(c.gateway, "/group/create.json", url.Values{"userId": {"ann"}, "groupId": {"hot"}, "groupName": {"Hot"}}); err != nil {
		return err
	}
	fmt.Printf("Throng, %d cores, emulators and load on the same machine, median of %d rounds of %s (lowest to highest)\n\n", runtime.NumCPU(), p.rounds, p.per)
	fmt.Println("warming up")
	for range 2 {
		if _, err := c.publish(64, p.per); err != nil {
			return err
		}
	}
	fmt.Printf("\n%-22s %28s %9s %9s %9s %8s   %s\n", "one hot group, HTTP", "messages/s", "p50", "p99", "writes/m", "reads/m", "ratio to a bare commit per sender")
	for _, senders := range []int{1, 16, 64, 256} {
		var ours, floor []sample
		for range p.rounds { // in turn, so that a noisy minute hits both
			s, err := c.publish(senders, p.per)
			if err != nil {
				return err
			}
			b, err := bare(ctx, store, senders, p.per/2)
			if err != nil {
				return err
			}
			ours, floor = append(ours, s), append(floor, b)
		}
		o, b := median(ours), median(floor)
		print(fmt.Sprintf("%d senders", senders), ours, fmt.Sprintf("%.2f", o.perSecond/b.perSecond))
		print("  bare commits", floor, "1")
	}
	return c.pushes(p)
}

func median(samples []sample) sample {
	slices.SortFunc(samples, func(a, b sample) int { return cmp.Compare(a.perSecond, b.perSecond) })
	return samples[len(samples)/2]
}

func print(name string, samples []sample, ratio string) {
	m := median(samples)
	rate := fmt.Sprintf("%.0f (%.0f to %.0f)", m.perSecond, samples[0].perSecond, samples[len(samples)-1].perSecond)
	fmt.Printf("%-22s %28s %9s %9s %9.3f %8.3f   %s\n", name, rate, m.p50.Round(10*time.Microsecond), m.p99.Round(100*time.Microsecond), m.writes, m.reads, ratio)
}

// pushes measures how long it takes from a publish to the last push of a big
// group whose members are all offline.
func (c *caller) pushes(p plan) error {
	if err := c.populate(p.members); err != nil {
		return err
	}
	fmt.Printf("\n%-22s %12s %12s\n", fmt.Sprintf("%d offline devices", p.members-1), "answered", "last push")
	for i := range p.rounds + 1 {
		r, _ := http.NewRequest(http.MethodDelete, c.fcm+"/emulator/pushes", nil)
		if _, err := c.do(r); err != nil {
			return err
		}
		started := time.Now()
		if _, err := c.call(c.gateway, "/message/group/publish.json", url.Values{"fromUserId": {"user0"}, "toGroupId": {"big"}, "objectName": {"RC:TxtMsg"}, "content": {`{"content":"hello"}`}}); err != nil {
			return err
		}
		answered := time.Since(started)
		last, err := c.lastPush(p.members-1, started)
		if err != nil {
			return err
		}
		name := "warm roster"
		if i == 0 {
			name = "cold roster"
		}
		fmt.Printf("%-22s %12s %12s\n", name, answered.Round(100*time.Microsecond), last.Round(time.Millisecond))
	}
	return nil
}

// populate registers users with a device each and puts them into a group.
func (c *caller) populate(members int) error {
	started := time.Now()
	var wg sync.WaitGroup
	errs := make(chan error, 1)
	next := make(chan int)
	for range 16 {
		wg.Go(func() {
			for i := range next {
				if err := c.register(i); err != nil {
					select {
					case errs <- err:
					default:
					}
				}
			}
		})
	}
	for i := range members {
		next <- i
	}
	close(next)
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
	}
	fmt.Printf("\nregistered %d devices in %s\n", members, time.Since(started).Round(100*time.Millisecond))
	started = time.Now()
	for from := 0; from < members; from += 1000 {
		form := url.Values{"groupId": {"big"}, "groupName": {"Big"}}
		for i := from; i < min(from+1000, members); i++ {
			form.Add("userId", fmt.Sprintf("user%d", i))
		}
		if _, err := c.call(c.gateway, "/group/create.json", form); err != nil {
			return err
		}
	}
	fmt.Printf("created a group of %d in %s\n", members, time.Since(started).Round(time.Millisecond))
	return nil
}

func (c *caller) register(i int) error {
	user := fmt.Sprintf("user%d", i)
	out, err := c.call(c.gateway, "/user/getToken.json", url.Values{"userId": {user}, "name": {user}})
	if err != nil {
		return err
	}
	token, _ := out["token"].(string)
	r, err := http.NewRequest(http.MethodPut, c.gateway+"/client/v1/devices/phone", strings.NewReader(`{"platform":"android","pushToken":"token-`+user+`"}`))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	_, err = c.do(r)
	return err
}

// lastPush waits for n pushes and says when the last of them arrived.
func (c *caller) lastPush(n int, started time.Time) (time.Duration, error) {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		var out struct {
			Pushes []struct {
				At int64 `json:"at"`
			} `json:"pushes"`
		}
		if err := c.get(c.fcm+"/emulator/pushes", &out); err != nil {
			return 0, err
		}
		if len(out.Pushes) > n {
			return 0, fmt.Errorf("%d pushes for %d devices", len(out.Pushes), n)
		}
		if len(out.Pushes) == n {
			return time.UnixMilli(out.Pushes[n-1].At).Sub(started), nil
		}
	}
	return 0, fmt.Errorf("not all of %d devices were pushed to within a minute", n)
}
