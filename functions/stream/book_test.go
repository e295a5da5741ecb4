package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/presence"
	"github.com/throng-im/throng/shared/settings"
)

// TestWhoCameAndWhoWent is published once each, after the board shows it; what could
// not be published is published the next time.
func TestWhoCameAndWhoWent(t *testing.T) {
	clock := time.UnixMilli(1_795_500_000_000)
	now := func() time.Time { return clock }
	c := &cloud.Cloud{Presence: presence.New(new(commit.Memory), now), Settings: settings.Settings{Callbacks: settings.Callbacks{Status: "https://app.example.com"}}}
	b := newBook(c, "one")
	b.now = now
	var told []string
	var watched int
	fails := false
	b.publish = func(ctx context.Context, topic string, payloads ...[]byte) error {
		if fails {
			return errors.New("Pub/Sub takes nothing")
		}
		if topic == event.TopicWatch {
			watched++
			return nil
		}
		for _, p := range payloads {
			var ev event.Presence
			if err := json.Unmarshal(p, &ev); err != nil || topic != event.TopicPresence || len(ev.Changes) > event.MaxPresence {
				t.Errorf("%s: %d changes, %v", topic, len(ev.Changes), err)
			}
			for _, ch := range ev.Changes {
				online, err := c.Presence.OnlineNow(ctx, "", ch.User)
				if err != nil || online[ch.User] != (ch.Status == event.Online) {
					t.Errorf("%s of %s is told before the board has it: %v", ch.Status, ch.User, err)
				}
				told = append(told, strings.TrimRight(fmt.Sprintf("%s %s %s %s", ch.User, ch.Status, ch.Source, ch.IP), " "))
			}
		}
		return nil
	}
	expect := func(when string, want ...string) {
		t.Helper()
		if slices.Sort(told); !slices.Equal(told, want) {
			t.Errorf("%s: told %q, not %q", when, told, want)
		}
		told = nil
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("User-Agent", "okhttp/5")
	leave := b.enter("ann", r)
	ok(b.set(ctx, []id.User{"ann"}))
	expect("ann comes", "ann 0 Android 192.0.2.1:1234")
	second := b.enter("ann", httptest.NewRequest("GET", "/", nil))
	leave() // her newest stays
	ok(b.set(ctx, []id.User{"ann", "bob"}))
	expect("bob comes", "bob 0")
	ok(b.renew(ctx))
	expect("nothing new")
	fails = true
	if b.set(ctx, []id.User{"bob"}) == nil {
		t.Error("nobody learns that ann went")
	}
	ok(b.renew(ctx)) // who cannot ask to be watched lives all the same
	fails = false
	ok(b.set(ctx, []id.User{"bob"}))
	expect("ann went", "ann 1 Android 192.0.2.1:1234")
	second()
	ok(b.remove(ctx))
	expect("the instance stops", "bob 1")
	if len(b.newest)+len(b.told) != 0 || watched != 1 {
		t.Errorf("%v and %v are remembered, watched %d times", b.newest, b.told, watched)
	}
	for range 8 { // two minutes
		clock = clock.Add(presence.Heartbeat)
		ok(b.renew(ctx))
	}
	if watched != 5 {
		t.Errorf("in two minutes it is watched %d times", watched-1)
	}
	crowd := make([]id.User, event.MaxPresence+1)
	for i := range crowd {
		crowd[i] = id.User(fmt.Sprint("u", i))
	}
	ok(b.set(ctx, crowd))
	if len(told) != len(crowd) {
		t.Errorf("told of %d", len(told))
	}
}

// TestNobodyIsToldWhoAsksNot: then nothing is published.
func TestNobodyIsToldWhoAsksNot(t *testing.T) {
	c := &cloud.Cloud{Presence: presence.New(new(commit.Memory), time.Now)}
	b := newBook(c, "one")
	b.enter("ann", httptest.NewRequest("GET", "/", nil))()
	for _, err := range []error{b.set(t.Context(), []id.User{"ann"}), b.renew(t.Context()), b.set(t.Context(), nil), b.remove(t.Context())} {
		if err != nil { // publish is nil, and would panic
			t.Error(err)
		}
	}
}
