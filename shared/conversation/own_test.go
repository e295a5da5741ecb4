package conversation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
)

// listener is a user's conversations and what their devices are told.
type listener struct {
	*testing.T
	*conversation.Conversations
	store *commit.Memory
	now   time.Time
	told  []event.Conversation
	deaf  bool
}

func listen(t *testing.T) *listener {
	l := &listener{T: t, store: new(commit.Memory), now: time.UnixMilli(1_800_000_000_000)}
	l.Conversations = conversation.New(l.store, func(_ context.Context, payloads ...[]byte) error {
		if l.deaf {
			return errors.New("nobody listens")
		}
		for _, p := range payloads {
			var ev event.Conversation
			if err := json.Unmarshal(p, &ev); err != nil {
				return err
			}
			l.told = append(l.told, ev)
		}
		return nil
	}, 0, func() time.Time { return l.now })

	return l
}

func (l *listener) ok(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

func (l *listener) reads(g id.Group, seq int64) error {
	_, err := l.Read(l.Context(), "ann", g, seq)
	return err
}

func (l *listener) of(g id.Group) conversation.Conversation {
	l.Helper()
	c, err := l.Of(l.Context(), "ann", g)
	l.ok(err)
	return c
}

func (l *listener) join(g id.Group) {
	l.Helper()
	l.ok(l.SetMembership(l.Context(), "ann", g, conversation.Copied{Membership: conversation.Membership{Joined: 1}, At: 1}))
}

func TestMembershipsGoForwardOnly(t *testing.T) {
	in, back := conversation.Membership{Joined: 3}, conversation.Membership{Joined: 3, Away: []int64{7, 9}}
	out := conversation.Membership{Joined: 3, Left: 7, LeftAt: 1_800_000_000_000}
	for name, c := range map[string]struct {
		given []conversation.Membership
		want  conversation.Membership
	}{
		"in":                          {[]conversation.Membership{in}, in},
		"in and out":                  {[]conversation.Membership{in, out}, out},
		"out, and in that comes late": {[]conversation.Membership{out, in}, out},
		"back after a dismissal":      {[]conversation.Membership{in, out, back}, back},
		"the same, the wrong way":     {[]conversation.Membership{back, out, in}, back},
		"only the end is known":       {[]conversation.Membership{in, {Left: 8, LeftAt: 5}}, conversation.Membership{Joined: 3, Left: 8, LeftAt: 5}},
	} {
		l := listen(t)
		for _, m := range c.given {
			l.ok(l.SetMembership(t.Context(), "ann", "g", conversation.Copied{Membership: m, At: 1}))
			l.ok(l.SetMembership(t.Context(), "ann", "g", conversation.Copied{Membership: m, At: 1}))
		}
		got := l.of("g")
		if got.Joined != c.want.Joined || got.Left != c.want.Left || !slices.Equal(got.Away, c.want.Away) {
			t.Errorf("%s: %+v", name, got)
		}
		if list, _ := l.List(t.Context(), "ann"); list.Changed > int64(len(c.given)) || got.Moved == 0 {
			t.Errorf("%s: %d changes, moved in %d", name, list.Changed, got.Moved)
		}
		if len(l.told) > 0 {
			t.Errorf("%s: devices were told %+v, which timelines tell them", name, l.told)
		}
	}
}

func TestWhoLeftIsRememberedForAWhile(t *testing.T) {
	l := listen(t)
	for _, g := range []id.Group{"plain", "pinned"} {
		l.join(g)
		l.ok(l.SetMembership(t.Context(), "ann", g, conversation.Copied{Membership: conversation.Membership{Joined: 1, Left: 5, LeftAt: l.now.UnixMilli()}, At: 1}))
	}
	l.ok(l.Pin(t.Context(), "ann", "pinned", true))
	for _, day := range []int{6, 8} {
		l.now = time.UnixMilli(1_800_000_000_000).Add(time.Duration(day) * 24 * time.Hour)
		l.join(id.Group(fmt.Sprint("other", day)))
		if kept := l.of("plain").Left > 0; kept != (day < 7) {
			t.Errorf("after %d days the end of a membership is known: %v", day, kept)
		}
	}
	list, err := l.List(t.Context(), "ann")
	l.ok(err)
	if _, there := list.Conversations["plain"]; there || list.Conversations["pinned"].PinnedAt == 0 || list.Conversations["pinned"].Known() {
		t.Errorf("kept are %+v", list.Conversations)
	}
}

func TestWhatIsTheUsersOwn(t *testing.T) {
	l := listen(t)
	ctx := t.Context()
	yes, draft, tags := true, "hel", []string{"t", "t"}
	for what, err := range map[string]error{
		"read": l.reads("g", 1), "delete": l.Delete(ctx, "ann", "g", 1), "patch": l.Patch(ctx, "ann", "g", conversation.Patch{Pinned: &yes}),
	} {
		if !fault.Is(err, fault.NotMember) {
			t.Errorf("%s, by a stranger: %v", what, err)
		}
	}
	l.join("g")
	if err := l.Patch(ctx, "ann", "g", conversation.Patch{Draft: &draft, Tags: &tags}); !fault.Is(err, fault.InvalidArgument) || l.of("g").Draft != "" {
		t.Errorf("a tag that is not there: %v, %+v", err, l.of("g"))
	}
	long := strings.Repeat("x", conversation.MaxDraft+1)
	if err := l.Patch(ctx, "ann", "g", conversation.Patch{Draft: &long, Pinned: &yes}); !fault.Is(err, fault.TooLarge) || l.of("g").PinnedAt != 0 {
		t.Errorf("a long draft: %v, %+v", err, l.of("g"))
	}
	l.ok(l.SetTags(ctx, "ann", []conversation.Tag{{ID: "t", Name: "T"}}))
	l.ok(l.Patch(ctx, "ann", "g", conversation.Patch{Draft: &draft, Tags: &tags}))
	l.ok(l.Patch(ctx, "ann", "g", conversation.Patch{Pinned: &yes}))
	for i, seq := range []int64{8, 5, 8} {
		if moved, err := l.Read(ctx, "ann", "g", seq); err != nil || moved != (i == 0) {
			t.Errorf("reading up to %d: %v, %v", seq, moved, err)
		}
	}
	l.ok(l.Delete(ctx, "ann", "g", 6))
	c := l.of("g")
	if c.PinnedAt == 0 || c.Draft != "hel" || !slices.Equal(c.Tags, []string{"t"}) || c.ReadSeq != 8 || c.DeletedSeq != 6 || c.Joined != 1 {
		t.Errorf("%+v", c)
	}
	none, empty := "", []string{}
	l.ok(l.Patch(ctx, "ann", "g", conversation.Patch{Draft: &none, Tags: &empty}))
	if c := l.of("g"); c.Draft != "" || len(c.Tags) != 0 || c.PinnedAt == 0 {
		t.Errorf("%+v", c)
	}
}

// TestAKeyCountsOnce repeats a change after another device has made its own.
func TestAKeyCountsOnce(t *testing.T) {
	l := listen(t)
	l.join("g")
	set := func(key, draft string) {
		t.Helper()
		l.ok(l.Patch(t.Context(), "ann", "g", conversation.Patch{Key: key, Draft: &draft}))
	}
	set("1", "from the phone")
	set("2", "from the desk")
	set("1", "from the phone")
	if c := l.of("g"); c.Draft != "from the desk" {
		t.Errorf("a repeated call made the draft %q", c.Draft)
	}
	set("", "from the phone")
	if c := l.of("g"); c.Draft != "from the phone" {
		t.Errorf("a call without a key made the draft %q", c.Draft)
	}
	for i := range 70 {
		set(fmt.Sprint("more", i), fmt.Sprint(i))
	}
	set("more68", "again")
	if c := l.of("g"); c.Draft != "69" {
		t.Errorf("a late repetition made the draft %q", c.Draft)
	}
}

// TestDevicesAreTold holds that each change is announced as a sync would say it,
// and once more where the announcement failed.
func TestDevicesAreTold(t *testing.T) {
	l := listen(t)
	ctx := t.Context()
	l.join("g")
	draft := "hel"
	for name, c := range map[string]struct {
		change func() error
		says   string
	}{
		"a pin":             {func() error { return l.Pin(ctx, "ann", "g", true) }, `"pinned":true`},
		"a draft":           {func() error { return l.Patch(ctx, "ann", "g", conversation.Patch{Draft: &draft}) }, `"draft":"hel"`},
		"reading":           {func() error { return l.reads("g", 4) }, `"readSeq":4`},
		"a deletion":        {func() error { return l.Delete(ctx, "ann", "g", 4) }, `"deletedSeq":4`},
		"clearing":          {func() error { return l.Clear(ctx, "ann", "g", 3, 0) }, `"clearedSeq":3`},
		"a message deleted": {func() error { return l.DeleteMessages(ctx, "ann", "g", 1, []int64{9}) }, `"deletedSeqs":[9]`},
		"a tag": {func() error { return l.SetTags(ctx, "ann", []conversation.Tag{{ID: "t", Name: "T"}}) },
			`"tags":[{"tagId":"t","name":"T","createdAt":1800000000000}]`},
	} {
		l.told, l.deaf = nil, true
		if err := c.change(); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s that nobody heard of: %v", name, err)
		}
		l.deaf = false
		l.ok(c.change())
		if len(l.told) != 1 || l.told[0].User != "ann" || l.told[0].Changed == 0 || !strings.Contains(string(l.told[0].Update), c.says) {
			t.Errorf("%s: devices were told %+v", name, l.told)
		}
	}
	// What was said long ago is not said again, and nothing of a group that was left.
	l.told, l.now = nil, l.now.Add(time.Hour)
	l.ok(l.Pin(ctx, "ann", "g", true))
	l.ok(l.SetMembership(ctx, "ann", "g", conversation.Copied{Membership: conversation.Membership{Joined: 1, Left: 5, LeftAt: l.now.UnixMilli()}, At: 1}))
	l.ok(l.Pin(ctx, "ann", "g", false))
	if len(l.told) > 0 {
		t.Errorf("devices were told %+v", l.told)
	}
	// Events come in any order: of two lists of tags a device has to know the newer.
	l.ok(l.DeleteTags(ctx, "ann", []string{"t"}))
	if len(l.told) != 1 || string(l.told[0].Update) != fmt.Sprintf(`{"tags":[],"tagsChanged":%d}`, l.told[0].Changed) {
		t.Errorf("devices were told %+v, %s", l.told, l.told[0].Update)
	}
}
