package user_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/firestore/firestoretest"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/user"
)

// at opens a process of its own on a store, with the test's clock.
func at(store commit.Store, now func() time.Time) *user.Users {
	groups := group.New(store, func(context.Context, ...[]byte) error { return nil }, group.Options{})
	return user.New(store, groups, nil, 0, now)
}

func TestStanding(t *testing.T) {
	for name, store := range firestoretest.Stores(t) {
		t.Run(name, func(t *testing.T) {
			clock := time.UnixMilli(1_800_000_000_000)
			start := clock
			now := func() time.Time { return clock }
			users, elsewhere := at(store, now), at(store, now)
			ctx := t.Context()
			ok := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			expect := func(when string, gagged bool, want ...group.Gag) {
				t.Helper()
				s, err := elsewhere.Standing(ctx, "ann")
				ok(err)
				if s.Gagged(clock) != gagged {
					t.Errorf("%s: ann is muted: %v", when, s.Gagged(clock))
				}
				gags, err := elsewhere.GaggedEverywhere(ctx)
				ok(err)
				if len(gags) != len(want) || len(want) > 0 && !reflect.DeepEqual(gags, want) {
					t.Errorf("%s: muted are %v, want %v", when, gags, want)
				}
			}
			ok(users.Register(ctx, "ann", "Ann", ""))
			ok(users.Register(ctx, "eve", "Eve", ""))
			expect("at first", false)
			ok(users.GagEverywhere(ctx, []id.User{"ann", "__bob__"}, clock.Add(time.Hour)))
			expect("for an hour", true, group.Gag{User: "ann", Start: start, Until: start.Add(time.Hour)}, group.Gag{User: "__bob__", Start: start, Until: start.Add(time.Hour)})
			clock = clock.Add(time.Minute)
			ok(users.GagEverywhere(ctx, []id.User{"ann"}, time.Time{}))
			expect("ann for ever", true, group.Gag{User: "__bob__", Start: start, Until: start.Add(time.Hour)}, group.Gag{User: "ann", Start: start})
			clock = start.Add(time.Hour)
			expect("bob's is over", true, group.Gag{User: "ann", Start: start})
			ok(users.GagEverywhere(ctx, []id.User{"ann"}, clock.Add(time.Minute)))
			ok(users.UngagEverywhere(ctx, []id.User{"__bob__", "unknown"}))
			expect("ann for a minute", true, group.Gag{User: "ann", Start: start, Until: clock.Add(time.Minute)})
			ok(users.UngagEverywhere(ctx, []id.User{"ann"}))
			expect("lifted", false)
			ok(users.GagEverywhere(ctx, []id.User{"ann"}, clock.Add(time.Minute)))
			clock = clock.Add(time.Minute)
			expect("over", false)
			// What else there is of a user stays, and nobody appears.
			if info, err := users.Info(ctx, "ann"); err != nil || info.Name != "Ann" {
				t.Errorf("ann is %+v, %v", info, err)
			}
			if _, err := users.Info(ctx, "__bob__"); !fault.Is(err, fault.NotFound) {
				t.Errorf("a mute registered bob: %v", err)
			}
		})
	}
}

func TestTokensEndByTime(t *testing.T) {
	store := new(commit.Memory)
	clock := time.UnixMilli(1_800_000_000_000)
	users := at(store, func() time.Time { return clock })
	accepts := func(u id.User, issued time.Time) bool {
		t.Helper()
		s, err := users.Standing(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		return s.Accepts(issued)
	}
	if !accepts("ann", time.UnixMilli(0)) {
		t.Error("an unknown user's token is refused")
	}
	for _, c := range []struct{ before, dead, alive time.Duration }{
		{0, -time.Millisecond, 0},
		{-time.Hour, -time.Millisecond, 0}, // backwards revives nothing
		{time.Hour, time.Hour - time.Millisecond, time.Hour},
	} {
		if err := users.ExpireTokens(t.Context(), []id.User{"ann", "never-registered"}, clock.Add(c.before)); err != nil {
			t.Fatal(err)
		}
		for _, u := range []id.User{"ann", "never-registered"} {
			if accepts(u, clock.Add(c.dead)) || !accepts(u, clock.Add(c.alive)) {
				t.Errorf("after %v: a token of %v counts: %v, one of %v: %v", c.before, c.dead, accepts(u, clock.Add(c.dead)), c.alive, accepts(u, clock.Add(c.alive)))
			}
		}
	}
	if _, err := users.Info(t.Context(), "never-registered"); !fault.Is(err, fault.NotFound) {
		t.Errorf("ending tokens registered somebody: %v", err)
	}
	// Who is registered later is as new, and keeps the point in time.
	if err := users.Register(t.Context(), "never-registered", "N", ""); err != nil {
		t.Fatal(err)
	}
	if info, err := users.Info(t.Context(), "never-registered"); err != nil || !info.CreatedAt.Equal(clock) || accepts("never-registered", clock) {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestWhatIsThereAlreadyIsNotWritten(t *testing.T) {
	store := new(commit.Memory)
	users := at(store, time.Now)
	until, writes := time.Now().Add(time.Hour), 0
	store.Before = func(ws []commit.Write) error { writes += len(ws); return nil }
	for range 3 {
		for _, err := range []error{
			users.GagEverywhere(t.Context(), []id.User{"ann"}, until), users.ExpireTokens(t.Context(), []id.User{"ann"}, until),
			users.UngagEverywhere(t.Context(), []id.User{"bob"}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if writes != 2 {
		t.Errorf("%d writes for a mute and an end of tokens", writes)
	}
}

// TestStandingAgainstAModel runs random calls on two processes and compares what
// is found with what a map would hold.
func TestStandingAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store := new(commit.Memory)
		clock := time.UnixMilli(1_800_000_000_000)
		now := func() time.Time { return clock }
		processes := []*user.Users{at(store, now), at(store, now)}
		ctx := context.Background()
		gags, dead := map[id.User]group.Gag{}, map[id.User]time.Time{}
		names := []id.User{"ann", "bob", "cid"}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			u, p := rapid.SampledFrom(names).Draw(t, "user"), processes[rapid.IntRange(0, 1).Draw(t, "process")]
			span := time.Duration(rapid.IntRange(1, 90).Draw(t, "minutes")) * time.Minute
			var err error
			switch rapid.IntRange(0, 4).Draw(t, "call") {
			case 0:
				g := group.Gag{User: u, Start: clock}
				if old, ok := gags[u]; ok && (old.Until.IsZero() || clock.Before(old.Until)) {
					g.Start = old.Start
				}
				if span < time.Hour {
					g.Until = clock.Add(span)
				}
				gags[u] = g
				err = p.GagEverywhere(ctx, []id.User{u}, g.Until)
			case 1:
				delete(gags, u)
				err = p.UngagEverywhere(ctx, []id.User{u})
			case 2:
				before := clock.Add(span - time.Hour)
				if before.After(dead[u]) {
					dead[u] = before
				}
				err = p.ExpireTokens(ctx, []id.User{u}, before)
			case 3:
				err = p.Register(ctx, u, "Name", "")
			case 4:
				clock = clock.Add(span)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		found, err := processes[0].GaggedEverywhere(ctx)
		if err != nil {
			t.Fatal(err)
		}
		listed := map[id.User]group.Gag{}
		for _, g := range found {
			listed[g.User] = g
		}
		for _, u := range names {
			want, muted := gags[u]
			muted = muted && (want.Until.IsZero() || clock.Before(want.Until))
			s, err := processes[1].Standing(ctx, u)
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := listed[u]; ok != muted || ok && got != want || s.Gagged(clock) != muted {
				t.Errorf("%s is listed as %+v (%v), muted: %v; want %+v (%v)", u, got, ok, s.Gagged(clock), want, muted)
			}
			if end, some := dead[u]; some && (!s.Accepts(end) || s.Accepts(end.Add(-time.Millisecond))) {
				t.Errorf("the tokens of %s do not end at %v", u, dead[u])
			}
		}
	})
}

// TestWhoIsConnectedHearsOfEndedTokens: also when they were ended before, for whoever
// did may not have come to say so.
func TestWhoIsConnectedHearsOfEndedTokens(t *testing.T) {
	var told []string
	store, now := new(commit.Memory), time.UnixMilli(1_800_000_000_000)
	announce := func(_ context.Context, payloads ...[]byte) error {
		for _, p := range payloads {
			told = append(told, string(p))
		}
		return nil
	}
	users := user.New(store, group.New(store, announce, group.Options{}), announce, 0, func() time.Time { return now })
	for range 2 {
		if err := users.ExpireTokens(t.Context(), []id.User{"ann"}, now); err != nil {
			t.Fatal(err)
		}
	}
	if err := users.GagEverywhere(t.Context(), []id.User{"ann"}, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	const want = `{"user":"ann","tokensEnded":1800000000000}`
	if len(told) != 2 || told[0] != want || told[1] != want {
		t.Errorf("told were %v", told)
	}
}
