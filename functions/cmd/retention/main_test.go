package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/receipt"
	"github.com/throng-im/throng/shared/retention"
)

// TestTheCommands plans, looks, runs and looks again.
func TestTheCommands(t *testing.T) {
	store := new(commit.Memory)
	now := time.Now()
	clock := func() time.Time { return now }
	quiet := func(context.Context, ...[]byte) error { return nil }
	groups := group.New(store, quiet, group.Options{Now: clock})
	o := retention.Options{
		Store: store, Groups: groups, Receipts: receipt.New(store, quiet, 0, clock), Conversations: conversation.New(store, nil, 0, clock),
		Rules: retention.Rules{OfflineDays: 1}, Now: clock,
	}
	if err := groups.Join(t.Context(), "g", []id.User{"ann"}, ""); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if _, err := groups.Publish(t.Context(), "g", group.Entry{From: "ann", Type: "RC:TxtMsg", Content: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(5 * 24 * time.Hour)
	says := func(line string, args ...string) {
		t.Helper()
		var out strings.Builder
		if err := command(t.Context(), &out, o, args); err != nil {
			t.Fatal(err)
		}
		text := strings.Join(strings.Fields(out.String()), " ")
		if !strings.Contains(text, line) {
			t.Errorf("%v says %s, which has no %q", args, text, line)
		}
	}
	says("", "window", "g", "7")
	says("segments 0 0 2 0.0000 true", "plan")
	says("", "window", "g", "0")
	for range 2 {
		says("segments 1 0 3 0.0000 true", "plan")
		says("dollars done began", "state")
	}
	says("segments 1 0 3 0.0000 true", "run")
	says("segments 1 0 3 0.0000 true", "state")
	says("segments 0 0 2 0.0000 true", "plan")
	for _, args := range [][]string{nil, {"plans"}, {"plan", "g"}, {"window", "g"}, {"window", "g", "week"}, {"window", "g", "8"}, {"window", "nobody", "3"}} {
		if err := command(t.Context(), new(strings.Builder), o, args); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}
