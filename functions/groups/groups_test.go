package groups_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/functions/groups"
	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/contract/contracttest"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/inbox"
	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/user"
)

// office is the function on a store in memory.
type office struct {
	*testing.T
	groups *group.Groups
	serve  http.Handler
}

func newOffice(t *testing.T) *office {
	announce := func(context.Context, ...[]byte) error { return nil }
	store := new(commit.Memory)
	g := group.New(store, announce, group.Options{MaxMembers: 6})
	box := inbox.New(g, user.New(store, g, nil, 0, time.Now), conversation.New(store, nil, 0, time.Now), inbox.Options{Now: time.Now})
	c := &cloud.Cloud{Settings: settings.Settings{AppKey: "key", AppSecret: "secret"}, Groups: g, Inbox: box}
	return &office{T: t, groups: g, serve: groups.Handler(c)}
}

// call sends a body as it stands and returns the status and the answer.
func (o *office) call(path, body string) (status int, reply string) {
	o.Helper()
	status, raw := contracttest.Call(o.T, o.serve, http.MethodPost, path, body)
	return status, strings.TrimSpace(string(raw))
}

// answers expects an answer; a message's id in it stands as UID in want.
func (o *office) answers(path, body, want string) {
	o.Helper()
	status, got := o.call(path, body)
	got = regexp.MustCompile(`"[0-9A-Z]{4}(-[0-9A-Z]{4}){3}"`).ReplaceAllString(got, "UID")
	if status != http.StatusOK || got != want {
		o.Errorf("%s with %q answered %d %s, want %s", path, body, status, got, want)
	}
}

func (o *office) ok(path, body string) { o.Helper(); o.answers(path, body, `{"code":200}`) }

func (o *office) refuses(path, body string, wantStatus, code int) {
	o.Helper()
	if status, reply := o.call(path, body); status != wantStatus || !strings.HasPrefix(reply, fmt.Sprintf(`{"code":%d,"errorMessage":"`, code)) {
		o.Errorf("%s with %.80q: %d %s, want %d with code %d", path, body, status, reply, wantStatus, code)
	}
}

// members expects who is in a group, in any order.
func (o *office) members(name string, want ...string) {
	o.Helper()
	_, reply := o.call("/group/user/query.json", "groupId="+name)
	var got struct {
		Code  int
		Users []map[string]string
	}
	if err := json.Unmarshal([]byte(reply), &got); err != nil || got.Code != 200 || got.Users == nil {
		o.Fatalf("the members of %s are %s", name, reply)
	}
	var users []string
	for _, u := range got.Users {
		if len(u) != 1 {
			o.Errorf("a member is %v", u)
		}
		users = append(users, u["id"])
	}
	if slices.Sort(users); !slices.Equal(users, want) {
		o.Errorf("the members of %s are %v, want %v", name, users, want)
	}
}

// newest are the last entries of a group as "kind content".
func (o *office) newest(name id.Group, n int) []string {
	o.Helper()
	entries, err := o.groups.Newest(o.Context(), name, n)
	if err != nil {
		o.Fatal(err)
	}
	out := []string{}
	for _, e := range entries {
		out = append(out, strings.TrimSpace(string(e.Kind)+" "+e.Content))
	}
	return out
}

func (o *office) expect(name id.Group, want ...string) {
	o.Helper()
	if got := o.newest(name, len(want)); !slices.Equal(got, want) {
		o.Errorf("%s ends with %q, want %q", name, got, want)
	}
}

func TestManagingGroups(t *testing.T) {
	o := newOffice(t)
	o.ok("/group/create.json", "userId=u2&groupName=%E7%BE%A4+1&userId=u1&groupId=g1&userId=u2") // Go
	o.members("g1", "u1", "u2")
	o.ok("/group/create.json", "groupId=g1&userId=u3&groupName=Python") // creating again adds and renames
	o.members("g1", "u1", "u2", "u3")
	o.ok("/group/join.json", "userId=u1&userId=u4&groupId=g1&groupName=") // an empty name is none
	o.ok("/group/join.json", "userId=u4&groupId=g0")                      // joining what was never created creates it
	o.answers("/user/group/query.json", "userId=u4", `{"code":200,"groups":[{"id":"g0","name":""},{"id":"g1","name":"Python"}]}`)
	o.answers("/user/group/query.json", "userId=u4&page=2&size=1", `{"code":200,"groups":[{"id":"g1","name":"Python"}]}`)
	o.answers("/user/group/query.json", "userId=u4&page=0&size=1", `{"code":200,"groups":[{"id":"g0","name":""},{"id":"g1","name":"Python"}]}`)
	o.ok("/group/refresh.json", "groupName=New&groupId=g1")
	o.ok("/group/quit.json", "groupId=g1&userId=u2&userId=stranger")
	o.members("g1", "u1", "u3", "u4")
	o.ok("/group/sync.json", "userId=u4&group%5Bg2%5D=two&group[g1]=One")
	o.answers("/user/group/query.json", "userId=u4", `{"code":200,"groups":[{"id":"g1","name":"One"},{"id":"g2","name":"two"}]}`)
	o.ok("/group/dismiss.json", "groupId=g1") // PHP, without a user
	o.members("g1")
	o.ok("/group/dismiss.json", "userId=anyone&groupId=g1")
	o.ok("/group/sync.json", "userId=u4")
	o.answers("/user/group/query.json", "userId=u4", `{"code":200,"groups":[]}`)
	for _, c := range []string{"/group/quit.json", "/group/dismiss.json", "/group/refresh.json"} {
		o.ok(c, "groupId=never&userId=u&groupName=N")
	}
	o.members("never")

	o.refuses("/group/create.json", "", 400, 1003)
	o.refuses("/group/create.json", "userId=u&groupId=g", 400, 1002)
	o.refuses("/group/create.json", "userId=u&groupName=G", 400, 1002)
	o.refuses("/group/create.json", "groupId=g&groupName="+strings.Repeat("x", 256)+"&userId=u", 400, 1005)
	o.refuses("/group/join.json", "groupId=g1", 400, 1002)
	o.refuses("/group/join.json", "groupId=g1"+strings.Repeat("&userId=u", 1001), 400, 1002)
	o.refuses("/group/join.json", "groupId=g1&userId=1&userId=2&userId=3&userId=4&userId=5&userId=6&userId=7", 405, 25411)
	o.refuses("/group/quit.json", "groupId=g1", 400, 1002)
	o.refuses("/group/dismiss.json", "userId=u", 400, 1002)
	o.refuses("/group/refresh.json", "groupId=g1", 400, 1002)
	o.refuses("/group/user/query.json", "", 400, 1003)
	o.refuses("/user/group/query.json", "page=1", 400, 1002)
	o.refuses("/user/group/query.json", "userId=u&page=1&size=1001", 400, 1002)
	o.refuses("/group/sync.json", "userId=u&group[a%20b]=x", 400, 1002)
	o.members("g1")
}

func TestRemarks(t *testing.T) {
	o := newOffice(t)
	o.ok("/group/remarks/set.json", "userId=u1&groupId=never&remark=R")
	o.answers("/group/remarks/get.json", "userId=u1&groupId=never", `{"code":200,"remark":""}`)
	o.ok("/group/create.json", "userId=u1&groupName=G&groupId=g")
	o.answers("/group/remarks/get.json", "userId=u1&groupId=g", `{"code":200,"remark":""}`)
	long := strings.Repeat("群", 64)
	for _, remark := range []string{"R <1> & \"2\"", long} {
		o.ok("/group/remarks/set.json", "groupId=g&userId=u1&remark="+strings.NewReplacer("&", "%26", " ", "+").Replace(remark))
		quoted, _ := json.Marshal(remark)
		o.answers("/group/remarks/get.json", "userId=u1&groupId=g", `{"code":200,"remark":`+strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(quoted))+`}`)
	}
	o.ok("/group/remarks/set.json", "groupId=g&userId=stranger&remark=S")
	o.ok("/group/quit.json", "groupId=g&userId=u1")
	o.ok("/group/dismiss.json", "groupId=g&userId=u1")
	o.answers("/group/remarks/get.json", "userId=u1&groupId=g", `{"code":200,"remark":"`+long+`"}`)
	o.ok("/group/remarks/del.json", "userId=u1&groupId=g")
	o.answers("/group/remarks/get.json", "userId=u1&groupId=g", `{"code":200,"remark":""}`)
	o.answers("/group/remarks/get.json", "userId=stranger&groupId=g", `{"code":200,"remark":"S"}`)
	o.refuses("/group/remarks/set.json", "userId=u1&groupId=g&remark="+long+"x", 400, 1005)
	o.refuses("/group/remarks/set.json", "userId=u1&groupId=g&remark=", 400, 1002)
	o.refuses("/group/remarks/set.json", "groupId=g&remark=R", 400, 1002)
	o.refuses("/group/remarks/get.json", "userId=u1", 400, 1002)
	o.refuses("/group/remarks/del.json", "groupId=g", 400, 1002)
}

// TestBoundMessages binds a message to each of the five calls, as the Go SDK
// sends it and, unescaped, as the Java SDK does.
func TestBoundMessages(t *testing.T) {
	o := newOffice(t)
	goBound := "&bindNotifyMsg=true&content=%7B%22message%22%3A%221%22%7D&fromUserId=app&isIncludeSender=0&isPersisted=0&maxMember=0&objectName=RC%3AGrpNtf&pushContent=&pushData=&pushExt="
	javaBound := `&bindNotifyMsg=true&fromUserId=app&objectName=RC:GrpNtf&content={"message":"100% sure; a=b 群"}&pushContent=50%&pushData=d&pushExt={"title":"T"}&isIncludeSender=1&isPersisted=1&maxMember=5&disableUpdateLastMsg=true`
	reply := func(members int) string {
		return fmt.Sprintf(`{"code":200,"memberCount":%d,"messageUID":UID}`, members)
	}
	const one, two = `message {"message":"1"}`, `message {"message":"100% sure; a=b 群"}`

	o.answers("/group/create.json", "groupId=g&groupName=G&userId=u1&userId=u2"+goBound, reply(2))
	o.expect("g", "joined", one)
	o.answers("/group/join.json", "userId=u3&groupId=g"+javaBound, reply(3))
	o.expect("g", "joined", two)
	o.answers("/group/refresh.json", "groupId=g&groupName=H"+goBound, reply(3))
	o.expect("g", "renamed H", one)
	o.answers("/group/quit.json", "groupId=g&userId=u2"+javaBound, reply(2))
	o.expect("g", two, "left")
	o.answers("/group/dismiss.json", "groupId=g&userId=u1"+goBound, reply(0))
	o.expect("g", one, "dismissed")
	for _, path := range []string{"/group/quit.json", "/group/dismiss.json", "/group/refresh.json"} {
		o.answers(path, "groupId=g&userId=u1&groupName=N"+goBound, reply(0))
		o.answers(path, "groupId=never&userId=u1&groupName=N"+goBound, reply(0))
	}
	o.expect("g", one, "dismissed")
	o.expect("never")

	// What was bound is kept as a publish would have kept it.
	entries, err := o.groups.Timeline(t.Context(), "g", 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	want := group.Entry{Kind: group.KindMessage, From: "app", Type: "RC:GrpNtf", Content: `{"message":"1"}`, Unpersisted: true, HideFromSender: true}
	got := entries[1]
	if got.Seq, got.At = 0, 0; !reflect.DeepEqual(got, want) {
		t.Errorf("bound by Go: %+v", got)
	}
	want = group.Entry{Kind: group.KindMessage, From: "app", Type: "RC:GrpNtf", Content: `{"message":"100% sure; a=b 群"}`, KeepLast: true, Push: &group.Push{Content: "50%", Data: "d", Ext: `{"title":"T"}`}}
	got = entries[3]
	if got.Seq, got.At = 0, 0; !reflect.DeepEqual(got, want) {
		t.Errorf("bound by Java: %+v", got)
	}
}

func TestBoundMessagesThatAreRefused(t *testing.T) {
	o := newOffice(t)
	const call = "groupId=g&groupName=G&userId=u1&userId=u2&bindNotifyMsg=true"
	const bound = "&fromUserId=app&objectName=RC:GrpNtf&content=x"
	o.refuses("/group/create.json", call+"&objectName=RC:GrpNtf&content=x", 400, 1002)
	o.refuses("/group/create.json", call+"&fromUserId=app&content=x", 400, 1002)
	o.refuses("/group/create.json", call+"&fromUserId=app&objectName=RC:GrpNtf&content=", 400, 1002)
	o.refuses("/group/create.json", call+"&fromUserId=app&objectName=RC:Mine&content=x", 400, 1002)
	o.refuses("/group/create.json", call+"&fromUserId=app&objectName="+strings.Repeat("x", 33)+"&content=x", 400, 1005)
	o.refuses("/group/create.json", call+"&fromUserId=app&objectName=t&content="+strings.Repeat("x", 128<<10+1), 400, 1005)
	o.refuses("/group/create.json", call+bound+"&pushContent="+strings.Repeat("x", 32<<10+1), 400, 1005)
	o.refuses("/group/create.json", call+bound+"&maxMember=many", 400, 1002)
	o.refuses("/group/create.json", call+bound+"&maxMember=1", 405, 25411)
	o.refuses("/group/create.json", call+bound+"&bindNotifyMsg=perhaps&userId=u3&userId=u4&userId=u5&userId=u6&userId=u7", 405, 25411)
	o.refuses("/group/create.json", "groupId=g&groupName=G&userId=u1&bindNotifyMsg=perhaps", 400, 1002)
	o.members("g")
	if got := o.newest("g", 10); len(got) > 0 {
		t.Errorf("refused calls left %v", got)
	}
	// Unbound, the message is not looked at.
	o.ok("/group/create.json", "groupId=g&groupName=G&userId=u1&bindNotifyMsg=false&maxMember=0&content=x&objectName=RC:Mine&fromUserId=app")
	o.ok("/group/join.json", "groupId=g&userId=u2&maxMember=1&isPersisted=0&pushContent=x")
	o.expect("g", "joined", "joined")
}
