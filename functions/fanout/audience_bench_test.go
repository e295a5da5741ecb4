package fanout

import (
	"context"
	"fmt"
	"testing"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/notify"
)

// largeRoster is a group's roster with so many members, one device each. Every
// fourth has quiet hours, every tenth a level.
func largeRoster(t testing.TB, members int) *group.Roster {
	t.Helper()
	groups := group.New(new(commit.Memory), func(context.Context, ...[]byte) error { return nil }, group.Options{MaxMembers: members})
	users, targets := make([]id.User, members), map[id.User]group.Targets{}
	for i := range users {
		users[i] = id.User(fmt.Sprintf("user-%05d", i))
		t := group.Targets{Version: 1, Devices: []group.Device{{ID: "phone", Platform: "android", Token: "token of " + string(users[i])}}}
		if i%4 == 0 {
			t.Quiet = night(notify.Mentions)
			t.Quiet.Zone = "Europe/Berlin"
		}
		if i%10 == 0 {
			t.Level = notify.MentionsMe
		}
		targets[users[i]] = t
	}
	if err := groups.Join(context.Background(), "g", users, ""); err != nil {
		t.Fatal(err)
	}
	if err := groups.SetTargets(context.Background(), "g", 1, targets); err != nil {
		t.Fatal(err)
	}
	roster, err := groups.Roster(context.Background(), "g", []int64{2})
	if err != nil {
		t.Fatal(err)
	}
	return roster
}

// BenchmarkAudience picks whom a message notifies.
func BenchmarkAudience(b *testing.B) {
	for _, members := range []int{3_000, 20_000} {
		b.Run(fmt.Sprint(members), func(b *testing.B) {
			roster := largeRoster(b, members)
			e := group.Entry{Kind: group.KindMessage, Seq: 2, From: "user-00001", Type: "RC:TxtMsg", At: noon.UnixMilli()}
			b.ReportAllocs()
			for b.Loop() {
				if a := audienceOf(roster, e, nil, notify.Unset); len(a.everyone) < members/2 {
					b.Fatal(len(a.everyone))
				}
			}
		})
	}
}

// TestTheRosterIsWalkedWithoutMemoryForEachMember: what there is of it is for those
// who are notified, and here that is nobody.
func TestTheRosterIsWalkedWithoutMemoryForEachMember(t *testing.T) {
	const members = 3_000
	roster := largeRoster(t, members)
	e := group.Entry{Kind: group.KindMessage, Seq: 2, From: "user-00001", Type: "RC:TxtMsg", At: midnight.UnixMilli()}
	each := testing.AllocsPerRun(10, func() {
		if a := audienceOf(roster, e, nil, notify.Nothing); a.devices() > 0 {
			t.Error("somebody is notified")
		}
	}) / members
	if each > 0.01 {
		t.Errorf("it takes %.2f allocations for each member", each)
	}
}
