package main

import (
	"net/url"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/presence"
)

// boardRead is past how long one reading of who is connected serves.
const boardRead = presence.Fresh + 100*time.Millisecond

// TestWhoIsConnectedIsNotPushedTo: while they are, not a moment longer, and what
// an instance did not bring that died is made up for once its lease is over.
func TestWhoIsConnectedIsNotPushedTo(t *testing.T) {
	w := startTown(t)
	w.must("/group/create.json", url.Values{"groupId": {"g"}, "groupName": {"G"}, "userId": {"ann", "bob", "cem"}})
	for _, u := range []string{"bob", "cem"} {
		if status := w.device("PUT", "/devices/phone", w.token(u), `{"platform":"android","pushToken":"`+u+`"}`, nil); status != 200 {
			t.Fatalf("PUT answered %d", status)
		}
	}
	w.settle()
	board := w.inside().Presence
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	// pushed publishes and waits for cem's push. It returns what came by then, and
	// what the message is called.
	pushed := func() (map[string]int, string) {
		t.Helper()
		w.forgetPushes()
		uid := w.publish("g", "ann")
		w.eventually("cem was pushed to", func() bool { return len(w.pushes()) > 0 })
		w.settle()
		return w.reached(uid), uid
	}
	ok(board.Set(t.Context(), "one", []id.User{"bob"}))
	if got, _ := pushed(); got["bob"] != 0 || got["cem"] != 1 {
		t.Errorf("bob is connected: pushed to %v", got)
	}
	ok(board.Remove(t.Context(), "one"))
	time.Sleep(boardRead)
	if got, _ := pushed(); got["bob"] != 1 || got["cem"] != 1 {
		t.Errorf("bob is gone: pushed to %v", got)
	}

	board.Lease = 6 * time.Second
	ends := time.Now().Add(board.Lease)
	ok(board.Set(t.Context(), "two", []id.User{"bob"}))
	time.Sleep(boardRead)
	got, uid := pushed()
	if left := time.Until(ends); left < 0 {
		t.Fatalf("the lease was over %s before it could be seen that it counts", -left)
	}
	if got["bob"] != 0 || got["cem"] != 1 {
		t.Errorf("the lease counts: pushed to %v", got)
	}
	w.eventually("bob was pushed to", func() bool { return w.reached(uid)["bob"] > 0 })
	late := time.Since(ends)
	t.Logf("the push came %s after the end of the lease", late.Round(time.Millisecond))
	if late < 0 || late > 10*time.Second {
		t.Errorf("the push came %s after the end of the lease", late)
	}
	w.settle()
	if got := w.reached(uid); got["bob"] != 1 || got["cem"] != 1 {
		t.Errorf("in the end pushed to %v", got)
	}
	if _, said, err := board.Last(t.Context(), "two"); err != nil || said {
		t.Errorf("the dead is on the board: %v, %v", said, err)
	}
}

// reached counts the pushes for a message by their tokens.
func (w *town) reached(uid string) map[string]int {
	w.Helper()
	out := map[string]int{}
	for _, p := range w.pushes() {
		if p.Message.Data["messageUID"] == uid {
			out[p.Token]++
		}
	}
	return out
}
