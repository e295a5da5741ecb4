package history

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/contract/contracttest"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/hourlog"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/settings"
)

// desk is the function on a store in memory, with a clock that a test moves.
type desk struct {
	*testing.T
	store  commit.Memory
	groups *group.Groups
	clock  time.Time
	calls  calls
}

func newDesk(t *testing.T) *desk {
	d := &desk{T: t, clock: time.UnixMilli(1_800_000_000_000)}
	d.groups = group.New(&d.store, func(context.Context, ...[]byte) error { return nil }, group.Options{Now: func() time.Time { return d.clock }})
	d.calls = calls{
		groups: d.groups, conversations: conversation.New(&d.store, nil, 0, func() time.Time { return d.clock }), now: func() time.Time { return d.clock },
		logs:     hourlog.New(d.groups, hourlog.Options{}),
		settings: settings.Settings{AppKey: "key", AppSecret: "secret", HistoryMonths: 6, HistoryTargeted: true},
	}
	d.ok(d.groups.Join(t.Context(), "g", []id.User{"ann", "bob"}, "G"))
	return d
}

func (d *desk) ok(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// says has a message sent, a second after what was before.
func (d *desk) says(from id.User, content string, change ...func(*group.Entry)) group.Receipt {
	d.Helper()
	d.clock = d.clock.Add(time.Second)
	e := group.Entry{From: from, Type: "RC:TxtMsg", Content: content}
	for _, c := range change {
		c(&e)
	}
	r, err := d.groups.Publish(d.Context(), "g", e)
	d.ok(err)
	return r
}

type answer struct {
	Status int
	Code   int
	Text   string `json:"errorMessage"`
	Data   []record
	Raw    string `json:"-"`
}

// call sends a signed body and compares the reply with its row.
func (d *desk) call(path, body string) answer {
	d.Helper()
	c := &cloud.Cloud{Settings: d.calls.settings}
	status, raw := contracttest.Call(d.T, c.API("history", d.calls.handlers()), http.MethodPost, path, body)
	a := answer{Status: status, Raw: string(raw)}
	d.ok(json.Unmarshal(raw, &a))
	return a
}

const queryPath, cleanPath = "/v3/message/group/query.json", "/conversation/message/history/clean.json"

// reads is what a user reads, from older to newer unless back.
func (d *desk) reads(user string, back bool) []string {
	d.Helper()
	from, to := int64(0), d.clock.UnixMilli()
	if back {
		from, to = to, from
	}
	a := d.call(queryPath, fmt.Sprintf(`{"userId":%q,"targetId":"g","startTime":%d,"endTime":%d,"pageSize":100,"includeStart":true}`, user, from, to))
	if a.Status != 200 || a.Data == nil {
		d.Fatalf("%+v", a)
	}
	out := []string{}
	for _, r := range a.Data {
		out = append(out, r.Content)
	}
	return out
}

func (d *desk) same(what string, got []string, want ...string) {
	d.Helper()
	if !slices.Equal(got, want) && len(got)+len(want) > 0 {
		d.Errorf("%s: %q, want %q", what, got, want)
	}
}

// TestAQueryAsTheSDKsSendIt sends the same question in the ways of the SDKs.
func TestAQueryAsTheSDKsSendIt(t *testing.T) {
	d := newDesk(t)
	first := d.says("ann", `{"content":"<1>"}`, func(e *group.Entry) {
		e.Expandable, e.Expansion = true, group.Values(map[string]string{"k": "a&b"})
	})
	second := d.says("bob", `{"content":"2"}`)
	end := d.clock.UnixMilli()
	for name, body := range map[string]string{
		"Go":            fmt.Sprintf(`{"endTime":"%d","includeStart":"true","pageSize":"10","startTime":"%d","targetId":"g","userId":"ann"}`, end, first.At),
		"Java":          fmt.Sprintf(`{"userId":"ann","targetId":"g","startTime":%d,"endTime":%d,"pageSize":10,"includeStart":true}`, first.At, end),
		"no page size":  fmt.Sprintf(`{"userId":"ann","targetId":"g","startTime":%d,"endTime":%d,"includeStart":true}`, first.At, end),
		"empty size":    fmt.Sprintf(`{"userId":"ann","targetId":"g","startTime":%d,"endTime":%d,"pageSize":"","includeStart":1}`, first.At, end),
		"more than us":  fmt.Sprintf(`{"userId":"ann","targetId":"g","startTime":%d,"endTime":%d,"pageSize":null,"includeStart":true,"busChannel":"","x":{}}`, first.At, end),
		"double slash/": fmt.Sprintf(`{"userId":"ann","targetId":"g","startTime":%d,"endTime":%d,"includeStart":true}`, first.At, end),
	} {
		path := queryPath
		if name == "double slash/" {
			path = "/" + path
		}
		a := d.call(path, body)
		want := []record{
			{Group: "g", From: "ann", UID: first.UID, At: first.At, Type: "RC:TxtMsg", Content: `{"content":"<1>"}`, Expansion: true, Extra: `{"k":"a&b"}`},
			{Group: "g", From: "bob", UID: second.UID, At: second.At, Type: "RC:TxtMsg", Content: `{"content":"2"}`},
		}
		if a.Status != 200 || a.Code != 200 || !slices.Equal(a.Data, want) {
			t.Errorf("%s: %+v", name, a)
		}
		if !strings.Contains(a.Raw, `"expansion":false,"extraContent":""`) {
			t.Errorf("%s: %s", name, a.Raw)
		}
	}
}

func TestPagesGoBothWays(t *testing.T) {
	d := newDesk(t)
	var at []int64
	for i := range 12 {
		at = append(at, d.says("ann", fmt.Sprint(i)).At)
	}
	for name, c := range map[string]struct {
		from, to int64
		size     string
		start    bool
		want     []string
	}{
		"ten when nothing is said":    {0, at[11], `""`, true, []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}},
		"the first two":               {at[0], at[11], "2", true, []string{"0", "1"}},
		"the two after the first":     {at[0], at[11], "2", false, []string{"1", "2"}},
		"the last two, newest first":  {at[11], 0, "2", true, []string{"11", "10"}},
		"the two before the last":     {at[11], 0, "2", false, []string{"10", "9"}},
		"fewer than the page":         {at[9], at[10], "100", true, []string{"9", "10"}},
		"fewer, newest first":         {at[10], at[9], "100", true, []string{"10", "9"}},
		"one instant":                 {at[3], at[3], "10", true, []string{"3"}},
		"one instant without itself":  {at[3], at[3], "10", false, nil},
		"nothing there":               {at[11] + 1, at[11] + 9, "10", true, nil},
		"times before there was time": {-5, -9, "10", true, nil},
	} {
		a := d.call(queryPath, fmt.Sprintf(`{"userId":"bob","targetId":"g","startTime":%d,"endTime":%d,"pageSize":%s,"includeStart":%v}`, c.from, c.to, c.size, c.start))
		got := []string{}
		for _, r := range a.Data {
			got = append(got, r.Content)
		}
		d.same(name, got, c.want...)
	}
}

func TestWhatOneReads(t *testing.T) {
	d := newDesk(t)
	d.says("ann", "for all")
	d.says("ann", "shown to me", func(e *group.Entry) { e.To = []id.User{"bob"} })
	d.says("ann", "hidden", func(e *group.Entry) { e.HideFromSender = true })
	d.says("ann", "not kept", func(e *group.Entry) { e.Unpersisted = true })
	d.ok(d.groups.Join(t.Context(), "g", []id.User{"cem"}, ""))
	d.says("bob", "to cem", func(e *group.Entry) { e.To = []id.User{"cem"} })
	d.says("bob", "late")
	d.same("ann", d.reads("ann", false), "for all", "shown to me", "late")
	d.same("bob", d.reads("bob", true), "late", "to cem", "hidden", "shown to me", "for all")
	d.same("cem", d.reads("cem", false), "to cem", "late")
	d.same("a stranger", d.reads("dan", false))
	d.ok(d.calls.conversations.DeleteMessages(t.Context(), "bob", "g", 1, []int64{3, 8}))
	d.same("who deleted some", d.reads("bob", false), "for all", "hidden", "to cem")
	d.calls.settings.HistoryBeforeJoin = true
	d.same("cem, from before the join", d.reads("cem", false), "for all", "hidden", "to cem", "late")
	d.same("a stranger still", d.reads("dan", false))
	d.calls.settings.HistoryTargeted = false
	d.same("cem, without what is targeted", d.reads("cem", false), "for all", "hidden", "late")
	d.clock = d.clock.AddDate(0, 6, 1)
	d.says("bob", "half a year on")
	d.same("what is kept", d.reads("bob", false), "half a year on")
	d.ok(d.groups.Quit(t.Context(), "g", []id.User{"bob"}))
	d.same("who left", d.reads("bob", false))
	d.ok(d.groups.Dismiss(t.Context(), "g", "ann"))
	d.same("dismissed", d.reads("ann", false))
}

func TestClean(t *testing.T) {
	d := newDesk(t)
	clean := func(form string) {
		t.Helper()
		if a := d.call(cleanPath, form); a.Status != 200 || a.Code != 200 {
			t.Fatalf("%s: %+v", form, a)
		}
	}
	one, two := d.says("ann", "1"), d.says("bob", "2")
	d.says("bob", "3")
	clean(fmt.Sprintf("fromUserId=ann&conversationType=3&targetId=g&msgTimestamp=%d", one.At))
	d.same("up to the first", d.reads("ann", false), "2", "3")
	clean(fmt.Sprintf("targetId=g&fromUserId=ann&msgTimestamp=%d&conversationType=3", two.At))
	d.same("up to the second", d.reads("ann", true), "3")
	clean(fmt.Sprintf("fromUserId=ann&conversationType=3&targetId=g&msgTimestamp=%d", one.At))
	d.same("not back", d.reads("ann", false), "3")
	clean(fmt.Sprintf("fromUserId=ann&conversationType=3&targetId=g&msgTimestamp=%d", d.clock.UnixMilli()+1e9))
	d.same("all so far by a time to come", d.reads("ann", false))
	d.clock = d.clock.Add(-time.Second)
	d.says("bob", "4") // at the same time as 3
	d.same("what comes then", d.reads("ann", false), "4")
	clean("fromUserId=ann&conversationType=3&targetId=g&msgTimestamp=")
	d.same("all so far", d.reads("ann", false))
	d.same("another", d.reads("bob", false), "1", "2", "3", "4")
	clean("fromUserId=stranger&conversationType=3&targetId=g")
	clean("fromUserId=ann&conversationType=3&targetId=unknown")
	for user, want := range map[id.User]int{"ann": 1, "stranger": 0} {
		list, err := d.calls.conversations.List(t.Context(), user)
		d.ok(err)
		if len(list.Conversations) != want {
			t.Errorf("nothing to clear was cleared: %v", list.Conversations)
		}
	}
}

func TestRefusals(t *testing.T) {
	long := strings.Repeat("x", 65)
	body := func(key, value string) string {
		fields := map[string]string{"userId": `"ann"`, "targetId": `"g"`, "startTime": "1", "endTime": "2", "pageSize": "10", "includeStart": "true"}
		if fields[key] = value; value == "" {
			delete(fields, key)
		}
		var parts []string
		for k, v := range fields {
			parts = append(parts, fmt.Sprintf("%q:%s", k, v))
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	form := func(pairs ...string) string {
		f := url.Values{"conversationType": {"3"}, "fromUserId": {"ann"}, "targetId": {"g"}}
		for i := 0; i < len(pairs); i += 2 {
			f.Set(pairs[i], pairs[i+1])
		}
		return f.Encode()
	}
	off := func(d *desk) { d.calls.settings.HistoryMonths = 0 }
	for name, c := range map[string]struct {
		path, body   string
		set          func(*desk)
		status, code int
	}{
		"no user":              {queryPath, body("userId", ""), nil, 400, 1002},
		"a long user":          {queryPath, body("userId", `"`+long+`"`), nil, 400, 1005},
		"no group":             {queryPath, body("targetId", ""), nil, 400, 1002},
		"a group in pieces":    {queryPath, body("targetId", `["g"]`), nil, 400, 1002},
		"no start":             {queryPath, body("startTime", ""), nil, 400, 1002},
		"a start in words":     {queryPath, body("startTime", `"now"`), nil, 400, 1002},
		"half a start":         {queryPath, body("startTime", "1.5"), nil, 400, 1002},
		"no end":               {queryPath, body("endTime", ""), nil, 400, 1002},
		"no messages":          {queryPath, body("pageSize", "0"), nil, 400, 1002},
		"too many messages":    {queryPath, body("pageSize", `"101"`), nil, 400, 1002},
		"start unclear":        {queryPath, body("includeStart", `"yes"`), nil, 400, 1002},
		"start not said":       {queryPath, body("includeStart", ""), nil, 400, 1002},
		"a form":               {queryPath, "userId=ann&targetId=g", nil, 400, 1002},
		"nothing":              {queryPath, "", nil, 400, 1003},
		"query, history off":   {queryPath, body("pageSize", "1"), off, 430, 1009},
		"clean one-to-one":     {cleanPath, form("conversationType", "1"), nil, 400, 1002},
		"clean a chatroom":     {cleanPath, form("conversationType", "4"), nil, 400, 1002},
		"clean who knows what": {cleanPath, form("conversationType", "group"), nil, 400, 1002},
		"clean without user":   {cleanPath, form("fromUserId", ""), nil, 400, 1002},
		"clean without group":  {cleanPath, form("targetId", ""), nil, 400, 1002},
		"clean until then":     {cleanPath, form("msgTimestamp", "then"), nil, 400, 1002},
		"clean, history off":   {cleanPath, form(), off, 430, 1009},
		"a log":                {"/message/history.json", "date=2014010101", nil, 430, 1009},
		"a log of no hour":     {"/message/history.json", "date=2014010125", nil, 400, 1002},
		"a log of a day":       {"/message/history.json", "date=20140101", nil, 400, 1002},
		"a log of when":        {"/message/history.json", "date=", nil, 400, 1002},
		"a log of a minute":    {"/message/history.json", "date=201401010101", nil, 400, 1005},
		"delete a log":         {"/message/history/delete.json", "date=2014010100", nil, 430, 1009},
		"delete a bad log":     {"/message/history/delete.json", "date=yesterday!", nil, 400, 1002},
	} {
		d := newDesk(t)
		if c.set != nil {
			c.set(d)
		}
		if a := d.call(c.path, c.body); a.Status != c.status || a.Code != c.code {
			t.Errorf("%s: %s with HTTP %d, want %d with HTTP %d", name, a.Raw, a.Status, c.code, c.status)
		}
	}
}

// TestARecallIsACommand shows the recall of a message as the contract writes it.
func TestARecallIsACommand(t *testing.T) {
	d := newDesk(t)
	r := d.says("ann", "1")
	page, err := d.groups.History(t.Context(), "g", group.HistoryQuery{View: group.View{User: "ann"}, To: r.At, Limit: 1})
	d.ok(err)
	got, err := recordOf("g", page, group.Entry{Kind: group.KindRecall, Seq: r.Seq + 1, At: 5, From: "bob", Target: r.Seq, TargetAt: r.At, Admin: true, Extra: "<x>"})
	d.ok(err)
	want := record{Group: "g", From: "bob", UID: page.UID(r.Seq + 1), At: 5, Type: "RC:RcCmd",
		Content: fmt.Sprintf(`{"messageUId":%q,"conversationType":3,"targetId":"g","sentTime":%d,"isAdmin":1,"isDelete":0,"extra":"<x>"}`, r.UID, r.At)}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// mute is a store that does not answer.
type mute struct{ commit.Memory }

func (*mute) Get(context.Context, []string, ...string) ([]commit.Doc, error) {
	return nil, fault.New(fault.Unavailable, "later")
}

func TestAStoreThatDoesNotAnswer(t *testing.T) {
	d := newDesk(t)
	d.says("ann", "1")
	d.calls.conversations = conversation.New(new(mute), nil, 0, time.Now)
	for path, body := range map[string]string{
		queryPath: `{"userId":"ann","targetId":"g","startTime":0,"endTime":1,"includeStart":true}`,
		cleanPath: "conversationType=3&fromUserId=ann&targetId=g",
	} {
		if a := d.call(path, body); a.Status != 504 || a.Code != 1050 {
			t.Errorf("%s: %+v", path, a)
		}
	}
}
