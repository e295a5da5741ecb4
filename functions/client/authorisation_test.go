package client_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/functions/client"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/token"
)

// rules says what a call answers to each kind of caller; "" is success. A caller
// that is not named gets what its kind gets everywhere.
type rules struct {
	body string
	want map[string]string
}

// Callers whose answer is the same for all calls of a group. Ann has sent the
// message that the calls are about.
var everywhere = map[string]string{
	"no token": "unauthenticated", "a broken token": "unauthenticated", "a token of another app": "unauthenticated",
	"a token that is over": "token_expired", "a token that was ended": "token_expired",
	"ann": "", "another member": "", "a stranger": "not_member", "who has left": "not_member", "an administrator": "not_member",
	"gagged everywhere": "", "gagged": "", "in a muted group": "", "allowed": "", "of a dismissed group": "group_dismissed",
}

// speech is what calls answer who may not speak.
var speech = map[string]string{"gagged everywhere": "muted", "gagged": "muted", "in a muted group": "group_muted"}

func with(sets ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, s := range sets {
		maps.Copy(out, s)
	}
	return out
}

// foreign is what a call answers that is for the sender alone.
var foreign = map[string]string{"another member": "permission_denied"}

// device is for calls that know no group.
var device = map[string]string{"a stranger": "", "who has left": "", "an administrator": "", "of a dismissed group": ""}

// ended is for calls about the user's own view of a group, which is over with the
// membership, however it ended.
var ended = map[string]string{"of a dismissed group": "not_member"}

const aMessage = "/groups/{groupId}/messages/{messageUID}"

// authorisation has a row for every call of the function.
var authorisation = map[string]rules{
	"PUT /devices/{deviceId}":               {`{"platform":"ios","pushToken":"t"}`, device},
	"DELETE /devices/{deviceId}":            {"", device},
	"POST /groups/{groupId}/messages":       {`{"clientId":"new","type":"RC:TxtMsg","content":"{}"}`, speech},
	"GET /groups/{groupId}/messages":        {"", nil},
	"DELETE /groups/{groupId}/messages":     {`{"messageUIDs":["{messageUID}"]}`, nil},
	"GET " + aMessage:                       {"", nil},
	"PATCH " + aMessage:                     {`{"content":"better"}`, with(speech, foreign)},
	"POST " + aMessage + "/recall":          {"", with(foreign, map[string]string{"an administrator": ""})},
	"PUT " + aMessage + "/expansion":        {`{"set":{"k":"v"}}`, speech},
	"DELETE " + aMessage + "/expansion":     {`{"remove":["k"]}`, speech},
	"POST " + aMessage + "/receipt-request": {"", foreign},
	"GET " + aMessage + "/receipts":         {"", with(foreign, map[string]string{"an administrator": ""})},
	"POST /groups/{groupId}/receipts":       {`{"messageUIDs":["{messageUID}"]}`, nil},
	"POST /groups/{groupId}/typing":         {"", speech},
	"POST /groups/{groupId}/read":           {`{"seq":1}`, ended},
	"GET /groups/{groupId}/unread":          {"", ended},
	"PATCH /conversations/{groupId}":        {`{"draft":"x"}`, ended},
	"DELETE /conversations/{groupId}":       {"", ended},
	"GET /conversations":                    {"", device},
	"POST /sync":                            {`{}`, device},
	"GET /tags":                             {"", device},
	"GET /tags/{tagId}":                     {"", device},
	"PUT /tags/{tagId}":                     {`{"name":"x"}`, device},
	"DELETE /tags/{tagId}":                  {"", device},
	"GET /settings":                         {"", device},
	"PUT /settings":                         {`{"notify":{"group":1}}`, device},
}

// callers make the phone of each kind of caller, after ann has sent.
var callers = map[string]func(p *phone) *phone{
	"no token":       func(p *phone) *phone { p.token = ""; return p },
	"a broken token": func(p *phone) *phone { p.token = p.token[:len(p.token)-2] + "xx"; return p },
	"a token of another app": func(p *phone) *phone {
		text, err := token.New("other", "secret", time.Now).Issue("ann", 0, true)
		p.ok(err)
		p.token = text
		return p
	},
	"a token that is over": func(p *phone) *phone {
		text, err := token.New("key", "secret", func() time.Time { return time.Now().Add(-time.Hour) }).Issue("ann", time.Minute, false)
		p.ok(err)
		p.token = text
		return p
	},
	"a token that was ended": func(p *phone) *phone {
		p.ok(p.Users.ExpireTokens(p.Context(), []id.User{"ann"}, time.Now().Add(time.Minute)))
		return p
	},
	"ann":            func(p *phone) *phone { return p },
	"another member": func(p *phone) *phone { return p.of("bob") },
	"a stranger":     func(p *phone) *phone { return p.of("eve") },
	"who has left": func(p *phone) *phone {
		p.ok(p.Groups.Quit(p.Context(), "g", []id.User{"ann"}))
		return p
	},
	"an administrator": func(p *phone) *phone {
		boss := p.of("boss")
		text, err := p.Tokens.Issue("boss", 0, true)
		p.ok(err)
		boss.token = text
		return boss
	},
	"gagged everywhere": func(p *phone) *phone {
		p.ok(p.Users.GagEverywhere(p.Context(), []id.User{"ann"}, time.Time{}))
		return p
	},
	"gagged": func(p *phone) *phone {
		p.ok(p.Groups.Gag(p.Context(), "g", []id.User{"ann"}, time.Time{}))
		return p
	},
	"in a muted group": func(p *phone) *phone { p.ok(p.Groups.Mute(p.Context(), "g", true)); return p },
	"allowed": func(p *phone) *phone {
		p.ok(p.Groups.Mute(p.Context(), "g", true))
		p.ok(p.Groups.Allow(p.Context(), "g", []id.User{"ann"}))
		return p
	},
	"of a dismissed group": func(p *phone) *phone { p.ok(p.Groups.Dismiss(p.Context(), "g", "ann")); return p },
}

// TestWhoMayCallWhat holds that every call has a row, and every row against every
// kind of caller.
func TestWhoMayCallWhat(t *testing.T) {
	if rows := slices.Sorted(maps.Keys(authorisation)); !slices.Equal(rows, client.Routes()) {
		t.Errorf("the table has the rows\n%v\nand the calls are\n%v", rows, client.Routes())
	}
	if got, want := slices.Sorted(maps.Keys(callers)), slices.Sorted(maps.Keys(everywhere)); !slices.Equal(got, want) {
		t.Fatalf("the callers are %v, answers are for %v", got, want)
	}
	for route, rule := range authorisation {
		method, path, _ := strings.Cut(route, " ")
		for name, as := range callers {
			p := open(t)
			p.ok(p.Groups.Join(t.Context(), "g", []id.User{"bob"}, ""))
			sent := p.says("first", `,"expansion":{"k":"old"},"receipt":true`)
			p.says("second", "")
			for _, u := range []id.User{"ann", "bob", "eve", "boss"} {
				p.ok(p.Conversations.SetTags(t.Context(), u, []conversation.Tag{{ID: "t", Name: "Tag"}}))
			}
			fill := strings.NewReplacer("{groupId}", "g", "{messageUID}", string(sent.UID), "{deviceId}", "d", "{tagId}", "t")
			want, own := rule.want[name]
			if !own {
				want = everywhere[name]
			}
			p.ok(p.Inbox.Repair(t.Context(), "ann"))
			caller := as(p)
			p.ok(p.Inbox.Repair(t.Context(), "ann")) // fan-out keeps the copies up
			before := p.store.writes
			status, out := caller.call(method, fill.Replace(path), fill.Replace(rule.body))
			if out.Error.Code != want || (want == "") != (status == 200) {
				t.Errorf("%s by %s: %d %+v, want %q", route, name, status, out, want)
			}
			if want != "" && p.store.writes != before {
				t.Errorf("%s by %s was refused and wrote", route, name)
			}
			if want != "" && out.Error.Message == "" {
				t.Errorf("%s by %s is refused without a word", route, name)
			}
		}
	}
}
