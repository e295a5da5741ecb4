package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/hourlog"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/presence"
	"github.com/throng-im/throng/shared/privacy"
	"github.com/throng-im/throng/shared/receipt"
	"github.com/throng-im/throng/shared/user"
)

// TestTheCommands finds, hands out, erases and finds nothing more.
func TestTheCommands(t *testing.T) {
	store := new(commit.Memory)
	quiet := func(context.Context, ...[]byte) error { return nil }
	groups := group.New(store, quiet, group.Options{})
	o := privacy.Options{
		Store: store, Groups: groups, Users: user.New(store, groups, nil, 0, time.Now), Conversations: conversation.New(store, nil, 0, time.Now),
		Receipts: receipt.New(store, quiet, 0, time.Now), Presence: presence.New(store, time.Now), Logs: hourlog.New(groups, hourlog.Options{}), Now: time.Now,
	}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	says := func(verbose bool, args string, lines ...string) {
		t.Helper()
		var out strings.Builder
		ok(command(t.Context(), &out, o, verbose, strings.Fields(args)))
		for _, line := range lines {
			if !strings.Contains(out.String(), line) {
				t.Errorf("%s says %s, which has no %q", args, out.String(), line)
			}
		}
	}
	ok(o.Users.Register(t.Context(), "ann", "Ann", ""))
	ok(groups.Join(t.Context(), "g", []id.User{"ann", "bob"}, "G"))
	for _, from := range []id.User{"ann", "bob"} {
		_, err := groups.Publish(t.Context(), "g", group.Entry{From: from, Type: "RC:TxtMsg", Content: "from " + string(from)})
		ok(err)
	}
	says(false, "find user ann", "1  profile\n", "2  entry\n", "1  membership\n")
	says(true, "find user ann nobody", "users/ann: profile\n", "groups/g: entry\n")
	says(false, "export user ann", `{"where":"users/ann","what":"profile","data":{"name":"Ann"`, `"content":"from ann"`)
	says(false, "erase user ann", "1  profile\n", "erased")
	says(false, "find user ann", "nothing is kept\n")
	says(false, "export group g", `"content":"from bob"`, `"name":"G"`)
	says(false, "erase group g", "1  group\n", "erased")
	says(false, "find group g", "nothing is kept\n")
	for _, args := range []string{"", "find", "find user", "find users ann", "erase user a/b", "erase group g h", "forget user ann"} {
		if err := command(t.Context(), new(strings.Builder), o, false, strings.Fields(args)); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
	ok(o.Users.Register(t.Context(), "ann", "Ann", ""))
	store.Before = func([]commit.Write) error { return errors.New("no store") }
	var out strings.Builder
	err := command(t.Context(), &out, o, false, []string{"erase", "user", "ann"})
	if err == nil || !strings.Contains(err.Error(), "do it again") || strings.Contains(out.String(), "erased") {
		t.Errorf("without a store: %v, %s", err, out.String())
	}
}
