package messages

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/settings"
)

// server is the function on a store in memory, as an SDK sees it.
type server struct {
	*testing.T
	http.Handler
	groups *group.Groups

	mu     sync.Mutex
	writes int
	told   []group.Entry
}

func newServer(t *testing.T, s settings.Settings) *server {
	srv := &server{T: t}
	store := &commit.Memory{Before: func(ws []commit.Write) error {
		srv.mu.Lock()
		defer srv.mu.Unlock()
		srv.writes += len(ws)
		return nil
	}}
	srv.groups = group.New(store, func(_ context.Context, payloads ...[]byte) error {
		srv.mu.Lock()
		defer srv.mu.Unlock()
		for _, p := range payloads {
			var ev struct{ Entries []json.RawMessage }
			if err := json.Unmarshal(p, &ev); err != nil {
				return err
			}
			entries, err := group.DecodeEntries(ev.Entries)
			if err != nil {
				return err
			}
			srv.told = append(srv.told, entries...)
		}
		return nil
	}, group.Options{})
	s.AppKey, s.AppSecret = "key", "secret"
	srv.Handler = Handler(&cloud.Cloud{Settings: s, Groups: srv.groups})
	if err := srv.groups.Join(t.Context(), "g1", []id.User{"ann", "bob"}, "Team"); err != nil {
		t.Fatal(err)
	}
	return srv
}

// post sends a body as it stands and returns the whole answer.
func (s *server) post(path, body string) (status int, reply string) {
	s.Helper()
	const nonce, stamp = "969776083002159388", "1480479442"
	sum := sha1.Sum([]byte("secret" + nonce + stamp))
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	for k, v := range map[string]string{"App-Key": "key", "Nonce": nonce, "Timestamp": stamp, "Signature": hex.EncodeToString(sum[:]), "Content-Type": "application/x-www-form-urlencoded"} {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String())
}

// does expects the plain success.
func (s *server) does(path, body string) {
	s.Helper()
	if status, reply := s.post(path, body); status != 200 || reply != `{"code":200}` {
		s.Errorf("%s %.200s: %d %s", path, body, status, reply)
	}
}

// refuses expects an error of the contract whose text has a word in it, and that
// nothing was written.
func (s *server) refuses(path, body string, status, code int, word string) {
	s.Helper()
	before := s.writes
	got, reply := s.post(path, body)
	var e struct {
		Code    int    `json:"code"`
		Message string `json:"errorMessage"`
	}
	if json.Unmarshal([]byte(reply), &e) != nil || got != status || e.Code != code || !strings.Contains(e.Message, word) {
		s.Errorf("%s %.200s: %d %s, want %d, %d and %q", path, body, got, reply, status, code, word)
	}
	if s.writes != before {
		s.Errorf("%s %.200s: a refused call wrote", path, body)
	}
}

// publish sends a message and returns its UID.
func (s *server) publish(more string) string {
	s.Helper()
	status, reply := s.post("/message/group/publish.json", "fromUserId=ann&toGroupId=g1&objectName=RC%3ATxtMsg&content=%7B%22content%22%3A%22hi%22%7D"+more)
	var r struct {
		Code int
		UIDs []struct{ GroupID, MessageUID string } `json:"messageUIDs"`
	}
	if err := json.Unmarshal([]byte(reply), &r); err != nil || status != 200 || len(r.UIDs) != 1 || r.UIDs[0].GroupID != "g1" {
		s.Fatalf("%d %s", status, reply)
	}
	return r.UIDs[0].MessageUID
}

// message reads one as it is stored now.
func (s *server) message(uid string) group.Entry {
	s.Helper()
	_, e, err := s.groups.Find(s.Context(), id.Message(uid))
	if err != nil {
		s.Fatal(err)
	}
	return e
}

func (s *server) lastTold() group.Entry { return s.told[len(s.told)-1] }

func TestRecall(t *testing.T) {
	s := newServer(t, settings.Settings{})
	// The Go SDK sends the flags always, in any order; Java leaves them out and
	// has raw JSON in extra.
	for _, c := range []struct {
		body          string
		admin, delete bool
		extra         string
		keepLast      bool
		silent        bool
	}{
		{"sentTime=1507778882124&targetId=g1&conversationType=3&disablePush=false&fromUserId=ann&isAdmin=0&isDelete=0&messageUID=THIS", false, false, "", false, false},
		{"conversationType=3&disablePush=true&extra=&fromUserId=boss&isAdmin=1&isDelete=1&messageUID=THIS&sentTime=0&targetId=g1", true, true, "", false, true},
		{`fromUserId=ann&conversationType=3&targetId=g1&messageUID=THIS&sentTime=1507778882124&extra={"a":"b"}&disableUpdateLastMsg=true&busChannel=`, false, false, `{"a":"b"}`, true, false},
	} {
		uid := s.publish("")
		before := s.writes
		s.does("/message/recall.json", strings.Replace(c.body, "THIS", uid, 1))
		if n := s.writes - before; n != 1 {
			t.Errorf("a recall made %d writes, the budget is 1", n)
		}
		e := s.lastTold()
		if e.Kind != group.KindRecall || e.Admin != c.admin || e.Delete != c.delete || e.Extra != c.extra || e.KeepLast != c.keepLast || e.Push == nil || e.Push.Disabled != c.silent {
			t.Errorf("%s: told %+v", c.body, e)
		}
		if m := s.message(uid); m.Recalled != e.Seq || m.Content != "" {
			t.Errorf("%s: left %+v", c.body, m)
		}
	}
	uid := s.publish("")
	good := "fromUserId=ann&conversationType=3&targetId=g1&messageUID=" + uid + "&sentTime=1507778882124"
	before := s.writes
	s.does("/message/recall.json", strings.Replace(good, uid, "B7CE-U880-31M6-D3EE", 1))
	s.does("/message/recall.json", strings.Replace(good, uid, "whatever", 1))
	s.does("/message/recall.json", strings.Replace(good, "g1", "nowhere", 1))
	if s.writes != before {
		t.Error("a recall of nothing wrote")
	}
	for _, kind := range []string{"1", "4", "6", "10", "0"} {
		s.refuses("/message/recall.json", strings.Replace(good, "conversationType=3", "conversationType="+kind, 1), 400, 1002, "groups only")
	}
	for _, name := range []string{"fromUserId", "conversationType", "targetId", "messageUID", "sentTime"} {
		form, _ := url.ParseQuery(good)
		form.Del(name)
		s.refuses("/message/recall.json", form.Encode(), 400, 1002, name)
	}
	s.refuses("/message/recall.json", good+"&isAdmin=maybe", 400, 1002, "isAdmin")
	s.refuses("/message/recall.json", good+"&extra="+strings.Repeat("x", 32<<10+1), 400, 1005, "extra")
}

func TestModify(t *testing.T) {
	s := newServer(t, settings.Settings{})
	uid := s.publish("")
	// As Java sends it: the optional type is left out or empty.
	form := func(more string) string {
		return "fromUserId=ann&groupId=g1&msgUID=" + uid + "&content=%7B%22content%22%3A%22ho%22%2C%22mentionedInfo%22%3A%7B%22type%22%3A1%7D%7D" + more
	}
	s.does("/message/group/modify.json", form("&objectName="))
	m := s.message(uid)
	if m.Type != "RC:TxtMsg" || !strings.Contains(m.Content, `"ho"`) || m.Edited == 0 || m.Mention == nil || m.Mention.Type != group.MentionAll {
		t.Errorf("the message is %+v", m)
	}
	before := s.writes
	s.does("/message/group/modify.json", form(""))
	s.does("/message/group/modify.json", strings.Replace(form(""), uid, "B7CE-U880-31M6-D3EE", 1))
	if s.writes != before {
		t.Error("an edit of nothing wrote")
	}
	s.does("/message/group/modify.json", form("&objectName=app%3Anote"))
	if m := s.message(uid); m.Type != "app:note" {
		t.Errorf("the message is %+v", m)
	}
	s.refuses("/message/group/modify.json", strings.Replace(form("&x="), "ann", "bob", 1), 400, 1002, "only the sender")
	s.refuses("/message/group/modify.json", form("&objectName=RC%3AMine"), 400, 1002, "objectName")
	s.refuses("/message/group/modify.json", form("&objectName="+strings.Repeat("x", 33)), 400, 1005, "objectName")
	s.refuses("/message/group/modify.json", "fromUserId=ann&groupId=g1&msgUID="+uid+"&content=", 400, 1002, "content")
	s.refuses("/message/group/modify.json", "fromUserId=ann&groupId=g1&msgUID="+uid+"&content="+strings.Repeat("x", 128<<10+1), 400, 1005, "content")
	s.refuses("/message/group/modify.json", strings.Replace(form("&x="), "g1", "a%20b", 1), 400, 1002, "groupId")
}

func TestExpansion(t *testing.T) {
	s := newServer(t, settings.Settings{})
	uid := s.publish("&expansion=true&extraContent=%7B%22first%22%3A%221%22%7D")
	sent := s.message(uid).At
	query := func(more string) string {
		t.Helper()
		status, reply := s.post("/message/expansion/query.json", "msgUID="+uid+more)
		if status != 200 {
			t.Errorf("%d %s", status, reply)
		}
		return reply
	}
	if got, want := query(""), fmt.Sprintf(`{"code":200,"extraContent":{"first":{"v":"1","ts":%d}}}`, sent); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	form := "msgUID=" + uid + "&userId=bob&conversationType=3&targetId=g1"
	// Go escapes the JSON, Java does not.
	s.does("/message/expansion/set.json", form+"&isSyncSender=1&extraKeyVal=%7B%22type%22%3A%223%22%7D")
	if e := s.lastTold(); e.Kind != group.KindExpansion || e.HideFromSender || e.From != "bob" || e.Expansion["type"].V != "3" {
		t.Errorf("told %+v", e)
	}
	s.does("/message/expansion/set.json", form+`&extraKeyVal={"second":"2"}&isSyncSender=0`)
	if e := s.lastTold(); !e.HideFromSender {
		t.Errorf("told %+v", e)
	}
	s.does("/message/expansion/delete.json", form+`&extraKey=["type","none"]`)
	if e := s.lastTold(); len(e.Removed) != 1 || e.Removed[0] != "type" || !e.HideFromSender {
		t.Errorf("told %+v", e)
	}
	var reply struct {
		Keys map[string]struct {
			V  string
			TS float64
		} `json:"extraContent"`
	}
	if err := json.Unmarshal([]byte(query("&pageNo=1")), &reply); err != nil || len(reply.Keys) != 2 || reply.Keys["second"].V != "2" || int64(reply.Keys["second"].TS) < sent {
		t.Errorf("%+v, %v", reply, err)
	}
	for _, page := range []string{"&pageNo=2", "&pageNo=1000000"} {
		if got := query(page); got != `{"code":200,"extraContent":{}}` {
			t.Errorf("%s: %s", page, got)
		}
	}
	uid = "B7CE-U880-31M6-D3EE"
	if got := query(""); got != `{"code":200,"extraContent":{}}` {
		t.Errorf("an unknown message has %s", got)
	}
}

func TestExpansionRefusals(t *testing.T) {
	s := newServer(t, settings.Settings{})
	uid := s.publish("&expansion=true")
	form := "msgUID=" + uid + "&userId=bob&conversationType=3&targetId=g1"
	pairs := make([]string, 101)
	keys := make([]string, 101)
	for i := range pairs {
		pairs[i], keys[i] = fmt.Sprintf(`"k%d":"v"`, i), fmt.Sprintf(`"k%d"`, i)
	}
	plain := s.publish("")
	for what, c := range map[string]struct {
		path, body string
		code       int
		word       string
	}{
		"101 pairs":         {"set", form + "&extraKeyVal={" + strings.Join(pairs, ",") + "}", 1002, "at most 100"},
		"101 keys":          {"delete", form + "&extraKey=[" + strings.Join(keys, ",") + "]", 1002, "at most 100"},
		"a number":          {"set", form + `&extraKeyVal={"k":1}`, 1002, "extraKeyVal"},
		"no object":         {"set", form + `&extraKeyVal=["k"]`, 1002, "extraKeyVal"},
		"no array":          {"delete", form + `&extraKey={"k":"v"}`, 1002, "extraKey"},
		"no JSON":           {"set", form + `&extraKeyVal=k`, 1002, "extraKeyVal"},
		"a Chinese key":     {"set", form + `&extraKeyVal={"键":"v"}`, 1002, "extension key"},
		"a long key":        {"set", form + `&extraKeyVal={"` + strings.Repeat("k", 33) + `":"v"}`, 1005, "32"},
		"a long value":      {"set", form + `&extraKeyVal={"k":"` + strings.Repeat("v", 4097) + `"}`, 1005, "4096"},
		"no keys":           {"set", form, 1002, "extraKeyVal"},
		"one to one":        {"set", strings.Replace(form, "Type=3", "Type=1", 1) + `&extraKeyVal={"k":"v"}`, 1002, "groups only"},
		"one to one, too":   {"delete", strings.Replace(form, "Type=3", "Type=1", 1) + `&extraKey=["k"]`, 1002, "groups only"},
		"without expansion": {"set", strings.Replace(form, uid, plain, 1) + `&extraKeyVal={"k":"v"}`, 1002, "expansion=true"},
		"nobody":            {"set", strings.Replace(form, "userId=bob", "userId=", 1) + `&extraKeyVal={"k":"v"}`, 1002, "userId"},
	} {
		t.Log(what)
		s.refuses("/message/expansion/"+c.path+".json", c.body, 400, c.code, c.word)
	}
	before := s.writes
	s.does("/message/expansion/set.json", strings.Replace(form, uid, "B7CE-U880-31M6-D3EE", 1)+`&extraKeyVal={"k":"v"}`)
	s.does("/message/expansion/delete.json", strings.Replace(form, uid, "B7CE-U880-31M6-D3EE", 1)+`&extraKey=["k"]`)
	if s.writes != before {
		t.Error("a change of nothing wrote")
	}
}

func TestStatusMessages(t *testing.T) {
	s := newServer(t, settings.Settings{})
	before := s.writes
	// Go sends verifyBlacklist, Java what a message has beside.
	const form = "fromUserId=ann&objectName=RC%3ATypSts&content=%7B%22typingContentType%22%3A%22RC%3ATxtMsg%22%7D&toGroupId=g1"
	for body, hidden := range map[string]bool{
		form + "&toGroupId=g2&verifyBlacklist=0&isIncludeSender=0": true,
		form + "&isPersisted=0&isCounted=0&isIncludeSender=1":      false,
	} {
		status, reply := s.post("/statusmessage/group/publish.json", body)
		if status != 200 || !strings.HasPrefix(reply, `{"code":200,"messageUIDs":[{"groupId":"g1","messageUID":"`) {
			t.Errorf("%d %s", status, reply)
		}
		e := s.lastTold()
		if e.Kind != group.KindStatus || e.Seq != 0 || e.Type != "RC:TypSts" || e.HideFromSender != hidden || !strings.Contains(reply, string(e.UID)) {
			t.Errorf("told %+v, answered %s", e, reply)
		}
	}
	if s.writes != before {
		t.Error("a status message was written")
	}
	s.refuses("/statusmessage/group/publish.json", form+"&toGroupId=g2&toGroupId=g3&toGroupId=g4", 400, 1002, "toGroupId")
	s.refuses("/statusmessage/group/publish.json", strings.Replace(form, "RC%3ATypSts", "RC%3AMine", 1), 400, 1002, "objectName")
	s.refuses("/statusmessage/group/publish.json", strings.Replace(form, "fromUserId=ann", "fromUserId=", 1), 400, 1002, "fromUserId")
}

func TestMsgRandom(t *testing.T) {
	off := newServer(t, settings.Settings{})
	if off.publish("&msgRandom=7") == off.publish("&msgRandom=7&verifyBlacklist=1&busChannel=c&needReadReceipt=1") {
		t.Error("without the setting msgRandom counts")
	}
	if e := off.lastTold(); !e.Receipt || e.Random != "" {
		t.Errorf("told %+v", e)
	}
	s := newServer(t, settings.Settings{MsgRandom: true})
	const form = "fromUserId=ann&objectName=RC%3ATxtMsg&content=%7B%7D&toGroupId=g1"
	uid := s.publish("&msgRandom=-9223372036854775808")
	s.refuses("/message/group/publish.json", form+"&msgRandom=-9223372036854775808", 400, 1002, uid)
	s.publish("&msgRandom=0")
	s.refuses("/message/group/publish.json", form+"&msgRandom=0", 400, 1002, "msgRandom")
	s.refuses("/message/group/publish.json", form+"&msgRandom=x", 400, 1002, "msgRandom")
	s.publish("&msgRandom=")
	s.publish("&msgRandom=")
	// A call that reached one of two groups reaches the other when it is repeated.
	if err := s.groups.Join(t.Context(), "g2", []id.User{"ann"}, "Other"); err != nil {
		t.Fatal(err)
	}
	if status, reply := s.post("/message/group/publish.json", form+"&toGroupId=g2&msgRandom=0"); status != 400 {
		t.Errorf("%d %s", status, reply)
	}
	entries, err := s.groups.Timeline(t.Context(), "g2", 0, 10)
	if err != nil || len(entries) != 2 {
		t.Errorf("the other group has %d entries, %v", len(entries), err)
	}
}
