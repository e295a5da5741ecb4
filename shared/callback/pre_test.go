package callback

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/message"
)

// said is what ann wants to say.
func said() group.Entry {
	return group.Entry{
		From: "ann", Type: "RC:TxtMsg", Content: `{"content":"hi"}`, ClientID: "c1", Source: "Android", To: []id.User{"bob", "cem"},
		Push: &group.Push{Content: "hello", Ext: `{"title":"t"}`}, Expandable: true, Expansion: group.Values(map[string]string{"k": "<v>"}),
	}
}

func TestTheQuestionIsTheContracts(t *testing.T) {
	var got url.Values
	base := server(t, func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.Header.Get("Content-Type") != Form {
			t.Error(err)
		}
		got = r.PostForm
		_, _ = io.WriteString(w, `{"pass":1}`)
	})
	set := local()
	set.Callbacks.Pre = base
	at := &clock{time.UnixMilli(1_795_500_000_123)}
	m, err := NewCensor(set, at.now).Review(t.Context(), Question{Group: "g", Message: said(), IP: "1.2.3.4:5678"})
	if err != nil || !reflect.DeepEqual(m, said()) {
		t.Errorf("%+v, %v", m, err)
	}
	want := url.Values{}
	for k, v := range map[string]string{
		"appKey": "the-app", "fromUserId": "ann", "targetId": "g", "toUserIds": "bob,cem", "msgType": "RC:TxtMsg", "content": `{"content":"hi"}`,
		"pushContent": "hello", "disablePush": "false", "pushExt": `{"title":"t"}`, "expansion": "true", "extraContent": `{"k":"<v>"}`,
		"channelType": "GROUP", "msgTimeStamp": "1795500000123", "messageId": "c1", "originalMsgUID": "", "os": "Android", "busChannel": "", "clientIp": "1.2.3.4:5678",
	} {
		want.Set(k, v)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("asked\n%v\nand not\n%v", got, want)
	}
}

func TestWhatTheAppAnswers(t *testing.T) {
	replaced := said()
	replaced.Content, replaced.Push, replaced.Expansion = "new", &group.Push{Content: "p", Ext: "{}", Disabled: true}, group.Values(map[string]string{"n": "1"})
	content := said()
	content.Content = "new"
	for name, c := range map[string]struct {
		status       int
		answer       string
		open, closed string // the kind of failure, empty where the message passes
		extra        string
		stored       group.Entry
	}{
		"passes":                      {200, `{"pass":1}`, "", "", "", said()},
		"passes, and later checks":    {200, `{"pass":2}`, "", "", "", said()},
		"passes, as a text":           {200, `{"pass":"1"}`, "", "", "", said()},
		"refuses":                     {200, `{"pass":0,"extra":"no ads"}`, "permission_denied", "permission_denied", "no ads", said()},
		"refuses, with a long text":   {200, `{"pass":0,"extra":"` + strings.Repeat("é", message.MaxRefusal+1) + `"}`, "permission_denied", "permission_denied", strings.Repeat("é", message.MaxRefusal), said()},
		"replaces the content":        {200, `{"pass":1,"replaceContent":"new","replacePushContent":"","replacePushExt":null}`, "", "", "", content},
		"replaces all":                {200, `{"pass":1,"replaceContent":"new","replacePushContent":"p","replacePushExt":"{}","replaceDisablePush":true,"replaceExtraContent":"{\"n\":\"1\"}"}`, "", "", "", replaced},
		"replaces by too much":        {200, `{"pass":1,"replaceContent":"` + strings.Repeat("x", message.MaxContent+1) + `"}`, "", "unavailable", "", said()},
		"replaces by what is no keys": {200, `{"pass":1,"replaceContent":"new","replaceExtraContent":"[]"}`, "", "unavailable", "", said()},
		"says nothing":                {200, ``, "", "unavailable", "", said()},
		"says something else":         {200, `{"pass":3}`, "", "unavailable", "", said()},
		"says it as another":          {200, `{"pass":true}`, "", "unavailable", "", said()},
		"fails":                       {500, `{"pass":0}`, "", "unavailable", "", said()},
	} {
		t.Run(name, func(t *testing.T) {
			set := local()
			set.Callbacks.Pre = server(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.answer)
			})
			for _, closed := range []bool{false, true} {
				want := c.open
				if closed {
					want = c.closed
				}
				set.Callbacks.PreClosed = closed
				m, err := NewCensor(set, time.Now).Review(t.Context(), Question{Group: "g", Message: said()})
				if !reflect.DeepEqual(m, c.stored) {
					t.Errorf("closed %v: the message is %+v", closed, m)
				}
				got := ""
				if f, is := errors.AsType[*fault.Error](err); is {
					got = string(f.Kind)
					if f.Extra != c.extra {
						t.Errorf("closed %v: the sender is told %q", closed, f.Extra)
					}
				}
				if got != want {
					t.Errorf("closed %v: %v, want %q", closed, err, want)
				}
			}
		})
	}
}

func TestOnlySomeTypesAreAskedAbout(t *testing.T) {
	set := local()
	if NewCensor(set, time.Now).Asks("RC:TxtMsg") {
		t.Error("nobody is to be asked")
	}
	set.Callbacks.Pre = server(t, func(http.ResponseWriter, *http.Request) {})
	if !NewCensor(set, time.Now).Asks("RC:TxtMsg") {
		t.Error("all types are asked about unless some are named")
	}
	set.Callbacks.PreTypes = []string{"RC:ImgMsg"}
	c := NewCensor(set, time.Now)
	if c.Asks("RC:TxtMsg") || !c.Asks("RC:ImgMsg") {
		t.Error("the app names the types that it is asked about")
	}
}
