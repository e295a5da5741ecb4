package hourlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/group"
)

// TestFilesHoldWhatWasSent sends to many groups at once across hours that end at
// half past in UTC, with ticks all the while.
func TestFilesHoldWhatWasSent(t *testing.T) {
	p := newPress(t, "2026-11-24T09:20:00Z", "Asia/Kolkata")
	p.logs.spill = 4 << 10
	groups := names(30)
	p.begins(groups...)
	var step atomic.Int64
	begin := p.now()
	var all sync.WaitGroup
	for sender := range 8 {
		all.Go(func() {
			for n := range 150 {
				p.set(begin.Add(time.Duration(step.Add(1)) * 9 * time.Second))
				if _, err := p.trySay(groups[(sender*7+n)%len(groups)], fmt.Sprintf("%d of %d", n, sender)); err != nil {
					t.Error(err)
				}
				if sender == 0 && n%30 == 29 {
					if _, err := p.logs.Tick(t.Context()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	p.is("2026-11-24T14:00:00Z")
	p.ticks(p.logs)
	p.agrees("2026112414", "2026112415", "2026112416", "2026112417", "2026112418")
	if len(p.lines("2026112415")) == 0 || len(p.lines("2026112416")) == 0 {
		t.Error("an hour in which much was said has no lines")
	}
}

// TestAKilledTickGoesOn stops the making of a file at each read of the store, one
// after the other, and compares what comes of it with a file made in one go.
func TestAKilledTickGoesOn(t *testing.T) {
	p := newPress(t, "2026-11-24T10:00:00Z", "UTC")
	groups := names(40)
	p.begins(groups...)
	for n := range 3000 {
		p.set(p.now().Add(time.Second))
		p.says(groups[n*n%len(groups)], fmt.Sprint("message ", n))
	}
	p.is("2026-11-24T11:06:00Z")
	p.ticks(p.another(p.logs.Bucket))
	want := p.download("2026112410")
	p.agrees("2026112410")
	if len(want) == 0 {
		t.Fatal("there is no file")
	}
	p.forgets("20261124T1000Z")
	all := p.steps(0, func(l *Logs, ctx context.Context) {
		l.spill = 32 << 10
		_, err := l.Tick(ctx)
		p.ok(err)
	})
	wentOn := 0
	for stop := 2; stop <= all-2; stop += 5 {
		p.forgets("20261124T1000Z")
		p.steps(stop, func(l *Logs, ctx context.Context) {
			l.spill = 32 << 10
			if stop%2 == 0 {
				l.every = 0
			}
			if _, err := l.Tick(ctx); err == nil {
				t.Fatalf("a tick that was stopped at step %d of %d does not say so", stop, all)
			}
		})
		if got := p.download("2026112410"); got != nil {
			t.Fatalf("stopped at step %d of %d, there is a file", stop, all)
		}
		took := p.steps(0, func(l *Logs, ctx context.Context) {
			_, err := l.Tick(ctx)
			p.ok(err)
		})
		if took < all*3/4 {
			wentOn++
		}
		if got := p.download("2026112410"); !bytes.Equal(got, want) {
			t.Fatalf("stopped at step %d of %d, the file is another", stop, all)
		}
		if left := slices.DeleteFunc(p.objects(), func(k string) bool { return !strings.HasPrefix(k, "work/") }); len(left) > 0 {
			t.Fatalf("stopped at step %d, there is left %q", stop, left)
		}
	}
	if wentOn == 0 {
		t.Error("nobody went on where another had stopped")
	}
}

func TestSeveralTicksAtOnce(t *testing.T) {
	p := newPress(t, "2026-11-24T10:00:00Z", "UTC")
	groups := names(40)
	p.begins(groups...)
	for n := range 1000 {
		p.set(p.now().Add(time.Second))
		p.says(groups[n%len(groups)], fmt.Sprint("message ", n))
	}
	p.is("2026-11-24T11:06:00Z")
	var all sync.WaitGroup
	for range 4 {
		l := p.another(p.logs.Bucket)
		l.spill, l.every = 16<<10, 0
		all.Go(func() {
			// One that was overtaken may find its work cleared away, and comes again.
			if _, err := l.Tick(t.Context()); err != nil && !gone(err) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	p.ticks(p.logs)
	p.agrees("2026112410")
}

// TestALateCommitIsInItsHour holds back the commit of a message that was sent
// in the hour's last millisecond.
func TestALateCommitIsInItsHour(t *testing.T) {
	p := newPress(t, "2026-11-24T10:30:00Z", "UTC")
	p.begins("g")
	p.is("2026-11-24T10:59:59.999Z")
	held, release, answered := make(chan struct{}), make(chan struct{}), make(chan error)
	p.store.Before = func([]commit.Write) error { close(held); <-release; return nil }
	go func() { _, err := p.trySay("g", "late"); answered <- err }()
	<-held
	for _, now := range []string{"2026-11-24T11:00:00Z", "2026-11-24T11:04:59Z"} {
		p.is(now)
		if later := p.ticks(p.logs); !later || p.lines("2026112410") != nil {
			t.Errorf("at %s the hour has a log: %q, later: %v", now, p.lines("2026112410"), later)
		}
	}
	p.store.Calm()
	close(release)
	p.ok(<-answered)
	p.says("g", "of the next hour")
	p.is("2026-11-24T11:05:00Z")
	if later := p.ticks(p.logs); later || len(p.lines("2026112410")) != 1 {
		t.Errorf("settled, the hour has %q, later: %v", p.lines("2026112410"), later)
	}
	p.agrees("2026112410")
	if p.lines("2026112411") != nil {
		t.Error("an hour that is not over has a log")
	}
}

func TestMissedTicksAreMadeUpForAndFilesGoAfterThreeDays(t *testing.T) {
	p := newPress(t, "2026-11-20T10:30:00Z", "UTC")
	p.begins("g", "h")
	p.put("other/20200101T0000/thing", "not ours")
	p.put("files/20261120T1000Z/x/2026112010.zip", "left over from somebody who was killed")
	for day := range 5 {
		p.says("g", fmt.Sprint("day ", day))
		p.set(p.now().AddDate(0, 0, 1))
	}
	// It is half past ten on the 25th, and there was no tick since the 20th.
	p.ticks(p.logs)
	p.agrees("2026112210", "2026112310", "2026112410")
	for _, date := range []string{"2026112010", "2026112110", "2026112409", "2026112411", "2026112510", "2026112610"} {
		if lines := p.lines(date); lines != nil {
			t.Errorf("%s has a log: %q", date, lines)
		}
	}
	p.store.since()
	if p.ticks(p.logs); p.store.since() != 0 {
		t.Error("an hour that is done is looked at again")
	}
	p.is("2026-11-25T11:59:00Z")
	if p.ticks(p.logs); p.lines("2026112210") == nil {
		t.Error("a file is gone before three days are over")
	}
	p.is("2026-11-26T10:30:00Z")
	if p.ticks(p.logs); p.lines("2026112210") != nil || p.lines("2026112310") == nil {
		t.Errorf("after three days: %q", p.objects())
	}
	kept := p.objects()
	if slices.ContainsFunc(kept, func(k string) bool { return strings.Contains(k, "20261122T1000Z") || strings.Contains(k, "20261120") }) || !slices.Contains(kept, "other/20200101T0000/thing") {
		t.Errorf("the bucket holds %q", kept)
	}
}

func TestARemovedLogStaysAway(t *testing.T) {
	p := newPress(t, "2026-11-24T09:30:00Z", "UTC")
	p.begins("g")
	p.says("g", "nine")
	p.is("2026-11-24T10:30:00Z")
	p.says("g", "ten")
	p.ok(p.logs.Remove(t.Context(), "2026112410")) // there is none yet
	p.is("2026-11-24T11:06:00Z")
	// Somebody slow makes the same file while it is made and removed.
	slow, began := p.another(p.logs.Bucket), false
	p.store.onRead = func(int) {
		if began {
			return
		}
		began = true
		p.ticks(p.logs)
		p.ok(p.logs.Remove(t.Context(), "2026112409"))
	}
	p.ticks(slow)
	p.store.onRead = nil
	p.ticks(p.logs)
	if lines := p.lines("2026112409"); lines != nil {
		t.Errorf("a removed log is back: %q", lines)
	}
	p.agrees("2026112410")
	if files := slices.DeleteFunc(p.objects(), func(k string) bool { return !strings.HasSuffix(k, ".zip") }); len(files) != 1 {
		t.Errorf("the files are %q", files)
	}
	p.ok(p.logs.Remove(t.Context(), "2026112409"))
	p.ok(p.logs.Remove(t.Context(), "2026112408"))
}

func TestADownloadAddressIsGoodForWhatItWasMadeFor(t *testing.T) {
	p := newPress(t, "2026-11-24T09:30:00Z", "UTC")
	p.begins("g")
	p.says("g", "secret")
	p.is("2026-11-24T10:06:00Z")
	p.ticks(p.logs)
	b, err := p.logs.bucket(t.Context())
	p.ok(err)
	m, _, err := marked(t.Context(), b, hourAt(instant(t, "2026-11-24T09:30:00Z"), time.UTC))
	p.ok(err)
	address, err := p.logs.Address(t.Context(), "2026112409")
	p.ok(err)
	missing, err := sign(t.Context(), b, "files/nothing", time.Hour)
	p.ok(err)
	other, err := open(t.Context(), p.logs.Bucket, "another secret")
	p.ok(err)
	forged, err := sign(t.Context(), other, m.File, time.Hour)
	p.ok(err)
	for about, c := range map[string]struct {
		address string
		status  int
	}{
		"as it was given":    {address, http.StatusOK},
		"its time is over":   {p.expired(m.File), http.StatusForbidden},
		"made to last":       {p.with(address, "expiry", "99999999999"), http.StatusForbidden},
		"for something else": {p.with(address, "obj", "hours/20261124T0900Z"), http.StatusForbidden},
		"of another secret":  {forged, http.StatusForbidden},
		"not signed":         {strings.Split(address, "?")[0], http.StatusForbidden},
		"not there":          {missing, http.StatusNotFound},
	} {
		res, err := http.Get(c.address)
		p.ok(err)
		_ = res.Body.Close()
		if res.StatusCode != c.status {
			t.Errorf("%s: %s, want %d", about, res.Status, c.status)
		}
	}
}

func TestTheCostOfAnHour(t *testing.T) {
	p := newPress(t, "2026-11-24T09:30:00Z", "UTC")
	groups := names(200)
	p.begins(groups...)
	p.is("2026-11-24T10:06:00Z")
	p.ticks(p.logs)
	for _, g := range groups[:20] {
		p.says(g, "hello")
	}
	for range 480 {
		p.says("g0", "a busy group")
	}
	p.is("2026-11-24T11:06:00Z")
	p.store.since()
	p.ticks(p.logs)
	// Eight queries of which none is empty, twice the groups, ten segments.
	if reads := p.store.since(); reads > 8+2*20+10 {
		t.Errorf("20 groups of 200 with 500 messages took %d reads", reads)
	}
	p.is("2026-11-24T12:06:00Z")
	if p.ticks(p.logs); p.store.since() != group.Lanes/lanesAtOnce {
		t.Error("an hour without messages takes more reads than queries")
	}
	p.agrees("2026112410", "2026112411")
}

func TestABucketThatCannotBeReached(t *testing.T) {
	p := newPress(t, "2026-11-24T10:30:00Z", "UTC")
	l := p.another("file:///dev/null/nowhere?base_url=http://localhost/logs")
	if _, err := l.Tick(t.Context()); err == nil {
		t.Error("a tick without a bucket says that all is well")
	}
	if _, err := l.Address(t.Context(), "2026112409"); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("an address without a bucket: %v", err)
	}
}
