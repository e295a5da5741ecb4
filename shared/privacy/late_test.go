package privacy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/hourlog"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/inbox/inboxtest"
	"github.com/throng-im/throng/shared/privacy"
)

// TestErasedBeforeFanOut: nothing is known of her conversations but what events that
// are still to come say. Dying on the way changes nothing about that.
func TestErasedBeforeFanOut(t *testing.T) {
	for n := 1; ; n++ {
		w := newWorld(t)
		w.late = true
		for _, g := range []id.Group{"team", "left"} {
			w.ok(w.groups.Join(w.ctx, g, []id.User{"bob", zoe}, ""))
			w.says(g, group.Entry{From: "bob", Content: "hello"})
		}
		w.ok(w.groups.Quit(w.ctx, "left", []id.User{zoe}))
		w.clock.Add(time.Second.Milliseconds())
		died := w.memory.Die(n, n%2 == 0)
		err := privacy.EraseUsers(w.ctx, w.options(), id.People{zoe: true})
		w.memory.Calm()
		if died() {
			w.open()
			w.ok(privacy.EraseUsers(w.ctx, w.options(), id.People{zoe: true}))
		}
		w.ok(inboxtest.Follow(w.ctx, w.inbox, w.heard...))
		w.forgotten()
		if !died() {
			w.ok(err)
			break
		}
	}
}

// TestAGroupIsCreatedAgainWhileItIsErased, which takes time: of the new one nothing is
// lost.
func TestAGroupIsCreatedAgainWhileItIsErased(t *testing.T) {
	w := newWorld(t)
	w.live()
	end, anew := int64(0), []id.Message(nil)
	born := func() {
		h, _, err := w.groups.Head(w.ctx, "team")
		w.ok(err)
		end = h.LastSeq
		w.ok(w.groups.Join(w.ctx, "team", []id.User{"ann", "new"}, "new"))
		w.ok(w.conversations.Pin(w.ctx, "new", "team", true))
		for n := range 3 {
			anew = append(anew, w.says("team", group.Entry{From: "ann", Content: fmt.Sprint("anew", n)}))
		}
		w.clock.Add(time.Hour.Milliseconds())
	}
	o := w.options()
	o.Found = func(f privacy.Finding) error {
		if f.What == privacy.Level && born != nil { // the group itself is gone by then
			do := born
			born = nil
			do()
		}
		return nil
	}
	w.ok(privacy.EraseGroup(w.ctx, o, "team"))
	for _, u := range []id.User{"ann", "new"} {
		c, err := w.conversations.Of(w.ctx, u, "team")
		if w.ok(err); !c.Present() || c.Joined <= end || (c.PinnedAt > 0) != (u == "new") {
			t.Errorf("%s is not in the new group: %+v", u, c)
		}
	}
	for _, uid := range anew {
		if _, _, err := w.groups.Find(w.ctx, uid); err != nil {
			t.Errorf("a message of the new group: %v", err)
		}
	}
	if c, err := w.conversations.Of(w.ctx, "bob", "team"); err != nil || c.Present() {
		t.Errorf("bob is in the new group: %+v, %v", c, err)
	}
	said := 0
	w.ok(w.logs.Lines(w.ctx, func(l hourlog.Line) error {
		if l.To != "team" {
			return nil
		}
		if _, seq, _ := l.UID.Parse(); seq <= end {
			t.Errorf("the log has %s", l.Text)
		}
		said++
		return nil
	}))
	if said != 3 {
		t.Errorf("%d messages of the new group are in the log", said)
	}
}

// TestOneThatFailsDoesNotKeepTheOthers from being erased, and it is told of.
func TestOneThatFailsDoesNotKeepTheOthers(t *testing.T) {
	w := newWorld(t)
	w.live()
	broken := errors.New("broken")
	w.memory.Fail(func(writes []commit.Write) error {
		for _, one := range writes {
			if one.Path == "groups/left" {
				return broken
			}
		}
		return nil
	}, nil)
	if err := privacy.EraseUsers(w.ctx, w.options(), id.People{zoe: true}); !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
	w.memory.Calm()
	found := map[string]int{}
	o := w.options()
	o.Found = func(f privacy.Finding) error { found[f.Where]++; return nil }
	w.ok(privacy.FindUsers(w.ctx, o, id.People{zoe: true}))
	for where, n := range found {
		if where != "groups/left" && where != "groups/left/roster" && where != "groups/left/receipts" {
			t.Errorf("%d things are left in %s", n, where)
		}
	}
	if len(found) == 0 {
		t.Error("nothing is left where it failed")
	}
	w.ok(privacy.EraseUsers(w.ctx, w.options(), id.People{zoe: true}))
	w.forgotten()

	// Whoever is to be told and cannot listen ends it.
	w = newWorld(t)
	w.live()
	o = w.options()
	told, deaf := 0, errors.New("deaf")
	o.Found = func(privacy.Finding) error { told++; return deaf }
	if err := privacy.EraseUsers(w.ctx, o, id.People{zoe: true}); !errors.Is(err, deaf) || told != 1 {
		t.Errorf("told %d times: %v", told, err)
	}
}

// TestErasingEndsBeforeTheLogs: the next one takes from them what is in no timeline any
// more.
func TestErasingEndsBeforeTheLogs(t *testing.T) {
	w := newWorld(t)
	w.live()
	ended := errors.New("ended")
	o := w.options()
	o.Found = func(f privacy.Finding) error {
		if f.What == privacy.LogLine {
			return ended
		}
		return nil
	}
	people := id.People{zoe: true}
	if err := privacy.EraseUsers(w.ctx, o, people); !errors.Is(err, ended) {
		t.Fatal(err)
	}
	w.ok(privacy.EraseUsers(w.ctx, w.options(), people))
	w.forgotten()
}

// TestASearchThatIsStoppedSaysSo, and does not seem to have found all there is.
func TestASearchThatIsStoppedSaysSo(t *testing.T) {
	w := newWorld(t)
	w.live()
	for _, at := range []string{privacy.Profile, privacy.Membership, privacy.Conversations, privacy.Token, privacy.LogLine} {
		ctx, stop := context.WithCancel(w.ctx)
		o := w.options()
		o.Found = func(f privacy.Finding) error {
			if f.What == at {
				stop()
			}
			return nil
		}
		if err := privacy.FindUsers(ctx, o, id.People{zoe: true}); !errors.Is(err, context.Canceled) {
			t.Errorf("stopped at a %s: %v", at, err)
		}
		stop()
	}
}

// TestWhereAllFailsIsNoEndlessTrying: after some groups that cannot be read the rest is
// not tried.
func TestWhereAllFailsIsNoEndlessTrying(t *testing.T) {
	w := newWorld(t)
	const groups = 60
	for n := range groups {
		g := id.Group(fmt.Sprint("g", n))
		w.ok(w.groups.Join(w.ctx, g, []id.User{"bob"}, ""))
		_, err := w.store.Commit(w.ctx, []commit.Write{{Path: "groups/" + string(g), Fields: commit.Fields{"tail": []byte("no entry\n")}, Merge: true}})
		w.ok(err)
	}
	err := privacy.FindUsers(w.ctx, w.options(), id.People{zoe: true})
	if err == nil {
		t.Fatal("it found everything")
	}
	if n := strings.Count(err.Error(), "cannot be read"); n < 20 || n > groups/2 {
		t.Errorf("%d groups are named: %v", n, err)
	}
}
