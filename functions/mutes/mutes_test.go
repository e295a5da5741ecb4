package mutes

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/contract/contracttest"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/user"
)

// clock is what the time is in these tests: 2024-02-07 18:25:12 UTC.
var clock = time.Date(2024, 2, 7, 18, 25, 12, 345e6, time.UTC)

// office is the function on a store in memory.
type office struct {
	*testing.T
	groups *group.Groups
	users  *user.Users
	serve  http.Handler
}

// everywhere are the gags in all groups.
func (o *office) everywhere() []group.Gag {
	o.Helper()
	gags, err := o.users.GaggedEverywhere(o.Context())
	if err != nil {
		o.Fatal(err)
	}
	return gags
}

func newOffice(t *testing.T, zone *time.Location) *office {
	announce := func(context.Context, ...[]byte) error { return nil }
	now := func() time.Time { return clock }
	store := new(commit.Memory)
	o := &office{T: t, groups: group.New(store, announce, group.Options{Now: now})}
	o.users = user.New(store, o.groups, nil, 0, now)
	c := &cloud.Cloud{Settings: settings.Settings{AppKey: "key", AppSecret: "secret", TimeZone: zone}, Groups: o.groups, Users: o.users}
	o.serve = handler(c, now)
	return o
}

// call sends a body as it stands and returns the status and the answer.
func (o *office) call(path, body string) (status int, reply string) {
	o.Helper()
	status, raw := contracttest.Call(o.T, o.serve, http.MethodPost, path, body)
	return status, strings.TrimSpace(string(raw))
}

func (o *office) answers(path, body, want string) {
	o.Helper()
	if status, got := o.call(path, body); status != http.StatusOK || got != want {
		o.Errorf("%s with %q answered %d %s, want %s", path, body, status, got, want)
	}
}

func (o *office) ok(path, body string) { o.Helper(); o.answers(path, body, `{"code":200}`) }

// speaks says what a device's message is refused for.
func (o *office) speaks(u id.User, key string) fault.Kind {
	o.Helper()
	_, err := o.groups.Send(o.Context(), "g", group.Entry{From: u, Type: "t", Content: "x", ClientID: key})
	if err == nil {
		return ""
	}
	return fault.Of(err).Kind
}

// TestGags follows the calls of the Go, Java, PHP and Node SDKs, as they put
// them on the wire.
func TestGags(t *testing.T) {
	o := newOffice(t, nil)
	if err := o.groups.Join(t.Context(), "g", []id.User{"u1", "u2", "u+3"}, "G"); err != nil {
		t.Fatal(err)
	}
	o.answers("/group/user/gag/list.json", "groupId=g", `{"code":200,"users":[]}`)
	o.answers("/group/user/gag/list.json", "groupId=unknown", `{"code":200,"users":[]}`)
	o.ok("/group/user/gag/add.json", "userId=u1&minute=30&groupId=g")             // Go
	o.ok("/group/user/gag/add.json", "userId=u2&userId=u%2B3&groupId=g&minute=0") // Java
	o.answers("/group/user/gag/list.json", "groupId=g", `{"code":200,"users":[`+
		`{"userId":"u+3","startTime":"2024-02-07 18:25:12","time":"9999-12-31 23:59:59"},`+
		`{"userId":"u1","startTime":"2024-02-07 18:25:12","time":"2024-02-07 18:55:12"},`+
		`{"userId":"u2","startTime":"2024-02-07 18:25:12","time":"9999-12-31 23:59:59"}]}`)
	if got := o.speaks("u1", "1"); got != fault.Muted {
		t.Errorf("who is gagged gets %q", got)
	}
	o.ok("/group/user/gag/rollback.json", "groupId=g&userId=u2&userId=u1&userId=stranger")
	o.answers("/group/user/gag/list.json", "groupId=g", `{"code":200,"users":[{"userId":"u+3","startTime":"2024-02-07 18:25:12","time":"9999-12-31 23:59:59"}]}`)
	if got := o.speaks("u1", "1"); got != "" {
		t.Errorf("who is no longer gagged gets %q", got)
	}
	if len(o.everywhere()) != 0 {
		t.Errorf("gags in one group went everywhere: %v", o.everywhere())
	}
}

// TestGagsInAllGroups are the same calls without a group, or with an empty one;
// some SDKs then send no body at all.
func TestGagsInAllGroups(t *testing.T) {
	o := newOffice(t, time.FixedZone("Beijing", 8*3600))
	o.answers("/group/user/gag/list.json", "", `{"code":200,"users":[]}`)
	o.ok("/group/user/gag/add.json", "userId=u1&minute=1")                        // PHP, user/mute-groups
	o.ok("/group/user/gag/add.json", "minute=43200&userId=u2&userId=u3&groupId=") // Go
	o.ok("/group/user/gag/rollback.json", "userId=u3&groupId=")
	for _, body := range []string{"", "groupId="} {
		o.answers("/group/user/gag/list.json", body, `{"code":200,"users":[`+
			`{"userId":"u1","startTime":"2024-02-08 02:25:12","time":"2024-02-08 02:26:12"},`+
			`{"userId":"u2","startTime":"2024-02-08 02:25:12","time":"2024-03-09 02:25:12"}]}`)
	}
}

func TestMuteAll(t *testing.T) {
	o := newOffice(t, nil)
	if err := o.groups.Join(t.Context(), "g", []id.User{"u1", "u2"}, "G"); err != nil {
		t.Fatal(err)
	}
	o.answers("/group/ban/query.json", "", `{"code":200,"groupinfo":[]}`)
	o.ok("/group/ban/add.json", "groupId=g&groupId=never")
	o.ok("/group/ban/add.json", "groupId=g")
	o.answers("/group/ban/query.json", "groupId=x&groupId=g&groupId=x", `{"code":200,"groupinfo":[{"groupId":"x","stat":0},{"groupId":"g","stat":1}]}`)
	o.answers("/group/ban/query.json", "", `{"code":200,"groupinfo":[{"groupId":"g","stat":1},{"groupId":"never","stat":1}]}`)
	o.ok("/group/user/ban/whitelist/add.json", "userId=u2&userId=u0&groupId=g")
	o.answers("/group/user/ban/whitelist/query.json", "groupId=g", `{"code":200,"userIds":["u0","u2"]}`)
	o.answers("/group/user/ban/whitelist/query.json", "groupId=unknown", `{"code":200,"userIds":[]}`)
	if one, two := o.speaks("u1", "1"), o.speaks("u2", "1"); one != fault.GroupMuted || two != "" {
		t.Errorf("in a muted group u1 gets %q, and u2 on the allowlist %q", one, two)
	}
	o.ok("/group/user/ban/whitelist/rollback.json", "groupId=g&userId=u2")
	o.answers("/group/user/ban/whitelist/query.json", "groupId=g", `{"code":200,"userIds":["u0"]}`)
	if got := o.speaks("u2", "2"); got != fault.GroupMuted {
		t.Errorf("who was taken off the allowlist gets %q", got)
	}
	o.ok("/group/ban/rollback.json", "groupId=g&groupId=unknown")
	o.answers("/group/ban/query.json", "groupId=g", `{"code":200,"groupinfo":[{"groupId":"g","stat":0}]}`)
	if got := o.speaks("u1", "2"); got != "" {
		t.Errorf("in a group that is no longer muted u1 gets %q", got)
	}
}

func TestMutedGroupsInPages(t *testing.T) {
	o := newOffice(t, nil)
	for i := range 120 {
		o.ok("/group/ban/add.json", fmt.Sprintf("groupId=g%03d", i))
	}
	page := func(from, to int) string {
		var list []string
		for i := from; i < to; i++ {
			list = append(list, fmt.Sprintf(`{"groupId":"g%03d","stat":1}`, i))
		}
		return `{"code":200,"groupinfo":[` + strings.Join(list, ",") + `]}`
	}
	for body, want := range map[string]string{
		"":                         page(0, 50),
		"page=1":                   page(0, 50),
		"page=0":                   page(0, 50),
		"page=3&size=":             page(100, 120),
		"size=7":                   page(0, 7),
		"page=2&size=100":          page(100, 120),
		"size=200&groupId=g001":    page(0, 120), // the group is not looked at
		"page=2&groupId=unmuted":   page(50, 100),
		"page=9&size=50":           page(0, 0),
		"groupId=g001":             page(1, 2),
		"groupId=&page=&size=":     page(0, 50),
		"page=3&size=50&groupId=x": page(100, 120),
	} {
		o.answers("/group/ban/query.json", body, want)
	}
}

func TestRefusals(t *testing.T) {
	o := newOffice(t, nil)
	many := func(name string) string { return strings.Repeat("&"+name+"=x", 21) }
	for _, c := range []struct {
		path, body   string
		status, code int
	}{
		{"/group/user/gag/add.json", "", 400, 1003},
		{"/group/user/gag/add.json", "groupId=g&minute=1", 400, 1002},
		{"/group/user/gag/add.json", "userId=u&groupId=g", 400, 1002},
		{"/group/user/gag/add.json", "userId=u&groupId=g&minute=43201", 400, 1002},
		{"/group/user/gag/add.json", "userId=u&groupId=g&minute=-1", 400, 1002},
		{"/group/user/gag/add.json", "userId=u&groupId=g&minute=soon", 400, 1002},
		{"/group/user/gag/add.json", "groupId=g&minute=1" + many("userId"), 400, 1002},
		{"/group/user/gag/add.json", "groupId=g%20g&userId=u&minute=1", 400, 1002},
		{"/group/user/gag/rollback.json", "groupId=g", 400, 1002},
		{"/group/user/gag/rollback.json", "groupId=g" + many("userId"), 400, 1002},
		{"/group/user/gag/list.json", "groupId=" + strings.Repeat("x", 65), 400, 1005},
		{"/group/ban/add.json", "a=b", 400, 1002},
		{"/group/ban/add.json", many("groupId"), 400, 1002},
		{"/group/ban/rollback.json", "groupId=", 400, 1002},
		{"/group/ban/rollback.json", many("groupId"), 400, 1002},
		{"/group/ban/query.json", many("groupId"), 400, 1002},
		{"/group/ban/query.json", "size=201", 400, 1002},
		{"/group/ban/query.json", "page=-1", 400, 1002},
		{"/group/user/ban/whitelist/add.json", "userId=u", 400, 1002},
		{"/group/user/ban/whitelist/add.json", "groupId=g" + many("userId"), 400, 1002},
		{"/group/user/ban/whitelist/rollback.json", "groupId=g", 400, 1002},
		{"/group/user/ban/whitelist/query.json", "", 400, 1003},
		{"/group/user/ban/add.json", "groupId=g&userId=u", 404, 404}, // unofficial clients invent it
	} {
		if status, reply := o.call(c.path, c.body); status != c.status || !strings.HasPrefix(reply, fmt.Sprintf(`{"code":%d,"errorMessage":"`, c.code)) {
			t.Errorf("%s with %.60q: %d %s, want %d with code %d", c.path, c.body, status, reply, c.status, c.code)
		}
	}
	if found, err := o.groups.MutedGroups(t.Context(), 0, 10); err != nil || len(found) > 0 || len(o.everywhere()) > 0 {
		t.Errorf("refused calls muted %v %v, %v", found, o.everywhere(), err)
	}
}
