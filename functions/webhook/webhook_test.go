package webhook

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/settings"
)

func TestAMessageIsRoutedAsTheContractHasIt(t *testing.T) {
	s := newScene(t)
	r, err := s.groups.SendAs(t.Context(), "g", group.Actor{User: "ann", Source: "iOS"}, group.Entry{
		Type: "app:x", Content: `{"a":"ü&="}`, ClientID: "1", To: []id.User{"bob", "ann"}, Push: &group.Push{Content: "no business of the app's"}})
	s.ok(err)
	s.all("/", s.said)
	s.app.mu.Lock()
	defer s.app.mu.Unlock()
	want := url.Values{}
	for k, v := range map[string]string{
		"fromUserId": "ann", "toUserId": "g", "objectName": "app:x", "content": `{"a":"ü&="}`, "channelType": "GROUP", "msgTimestamp": fmt.Sprint(r.At),
		"msgUID": string(r.UID), "sensitiveType": "0", "source": "iOS", "busChannel": "", "groupUserIds": `["bob","ann"]`,
	} {
		want.Set(k, v)
	}
	if len(s.app.took) != 1 || s.app.took[0].path != "/messages" || !reflect.DeepEqual(s.app.took[0].form, want) {
		t.Errorf("told %+v", s.app.took)
	}
}

// TestWhatIsRouted: messages that were stored, and the server API's where they are
// to be; nothing else of what a timeline has.
func TestWhatIsRouted(t *testing.T) {
	for _, server := range []bool{false, true} {
		s := newScene(t, func(c *settings.Callbacks) { c.ServerMessages = server })
		ctx := t.Context()
		sent := s.sends("g", "from a phone")
		published, err := s.groups.Publish(ctx, "g", group.Entry{From: "bob", Type: "RC:TxtMsg", Content: "from the server"})
		s.ok(err)
		_, err = s.groups.PublishStatus(ctx, "g", group.Entry{From: "bob", Type: "RC:TypSts", Content: "status"})
		s.ok(err)
		_, err = s.groups.EditAs(ctx, "g", sent.UID, group.Actor{User: "ann", Source: "iOS"}, "", group.Edit{Content: "edited"})
		s.ok(err)
		s.ok(s.groups.Recall(ctx, "g", published.UID, group.Recall{From: "bob"}))
		s.ok(s.groups.Join(ctx, "g", []id.User{"cem"}, ""))
		s.all("/", s.said)
		want := []string{"from a phone"}
		if server {
			want = append(want, "from the server")
		}
		s.expect(want...)
		var ev event.Timeline
		s.ok(json.Unmarshal(s.said[0], &ev))
		missed, fold := ev, ev
		missed.Missed, fold.Fold = []id.User{"bob"}, true
		s.done("messages")
		for _, old := range []event.Timeline{missed, fold} { // no news
			raw, err := json.Marshal(old)
			s.ok(err)
			s.all("/", [][]byte{raw})
		}
		s.expect()
	}
}

// done has the function forget what it has told.
func (s *scene) done(kind event.CallbackKind) { s.kinds[kind].done.Purge() }

func TestOperationsAreToldAsTheContractHasThem(t *testing.T) {
	s := newScene(t)
	ctx := t.Context()
	ann := group.Actor{User: "ann", Source: "iOS"}
	one, two := s.sends("g", "one"), s.sends("g", "two")
	_, err := s.groups.RecallAs(ctx, "g", one.UID, ann, "", group.Recall{Extra: "sorry"})
	s.ok(err)
	s.ok(s.groups.Recall(ctx, "g", two.UID, group.Recall{From: "boss", Admin: true, Delete: true}))
	s.all("/operations", s.said)
	for _, d := range []event.Deleted{
		{Group: "g", User: "bob", At: 77, Source: "Android", Single: []event.DeletedMessage{{UID: one.UID}, {UID: id.NewMessage(1, 9)}}},
		{Group: "g", User: "bob", At: 78, Source: "Android", UpTo: 55},
	} {
		raw, err := json.Marshal(event.Callback{Kind: event.CallbackOperations, Deleted: &d})
		s.ok(err)
		s.all("/later", [][]byte{raw})
	}
	var got []string
	for _, h := range s.app.took {
		if h.path != "/operations" || h.form != nil {
			t.Errorf("told at %s", h.path)
		}
		got = append(got, h.body)
	}
	conversation := `"conversationInfo":{"conversationType":3,"targetId":"g","busChannel":""}`
	want := []string{
		fmt.Sprintf(`{"eventType":1,"fromUserId":"ann","optTime":%d,"source":"iOS",%s,"originalMsgInfo":{"messageId":"%s","messageTime":%d},"recallMsgInfo":{"isDelete":false,"isAdmin":false,"extra":"sorry"}}`, one.At, conversation, one.UID, one.At),
		fmt.Sprintf(`{"eventType":1,"fromUserId":"boss","optTime":%d,"source":"Server",%s,"originalMsgInfo":{"messageId":"%s","messageTime":%d},"recallMsgInfo":{"isDelete":true,"isAdmin":true,"extra":""}}`, two.At, conversation, two.UID, two.At),
		fmt.Sprintf(`{"eventType":2,"fromUserId":"bob","optTime":77,"source":"Android",%s,"originalMsgInfo":{"messageId":"%s","messageTime":%d},"deleteMsgInfo":{"deleteType":1,"msgTimestamp":%d}}`, conversation, one.UID, one.At, one.At),
		fmt.Sprintf(`{"eventType":2,"fromUserId":"bob","optTime":77,"source":"Android",%s,"originalMsgInfo":{"messageId":"%s","messageTime":0},"deleteMsgInfo":{"deleteType":1,"msgTimestamp":0}}`, conversation, id.NewMessage(1, 9)),
		fmt.Sprintf(`{"eventType":2,"fromUserId":"bob","optTime":78,"source":"Android",%s,"deleteMsgInfo":{"deleteType":2,"msgTimestamp":55}}`, conversation),
	}
	if !slices.Equal(got, want) {
		t.Errorf("told\n%q\nand not\n%q", got, want)
	}
}

func TestStatusIsToldInBatches(t *testing.T) {
	s := newScene(t)
	raw := func(p event.Presence) [][]byte {
		data, err := json.Marshal(p)
		s.ok(err)
		return [][]byte{data}
	}
	told := func(want string) {
		t.Helper()
		got := ""
		for _, h := range s.app.took {
			got += h.path + h.body
		}
		s.app.took = nil
		if got != want {
			t.Errorf("told %s, not %s", got, want)
		}
	}
	gone := event.Change{User: "ann", Status: event.Offline, At: 5}
	s.all("/status", raw(event.Presence{Changes: []event.Change{
		{User: "ann", Status: event.Online, At: 3, Source: "iOS", IP: "1.2.3.4:5678", Session: "s1"}, {User: "bob", Status: event.LoggedOut, At: 4}}}))
	told(`/status[{"userid":"ann","status":"0","os":"iOS","time":3,"clientIp":"1.2.3.4:5678","sessionId":"s1"},{"userid":"bob","status":"2","os":"","time":4,"clientIp":"","sessionId":""}]`)
	s.Presence.Lease = 24 * time.Hour
	s.ok(s.Presence.Set(t.Context(), "another", []id.User{"ann"}))
	s.all("/status", raw(event.Presence{Changes: []event.Change{gone}}))
	told("") // she is connected elsewhere
	s.all("/status", raw(event.Presence{Changes: []event.Change{gone}, Dead: "another"}))
	told(`/status[{"userid":"ann","status":"1","os":"","time":5,"clientIp":"","sessionId":""}]`)
	s.ok(s.Presence.Remove(t.Context(), "another"))
	s.all("/status", raw(event.Presence{Changes: []event.Change{gone}}))
	told(`/status[{"userid":"ann","status":"1","os":"","time":5,"clientIp":"","sessionId":""}]`)
}

// merge makes events of so many entries out of those of one.
func (s *scene) merge(n int) {
	s.Helper()
	var merged [][]byte
	for part := range slices.Chunk(s.said, n) {
		var whole event.Timeline
		for i, raw := range part {
			var ev event.Timeline
			s.ok(json.Unmarshal(raw, &ev))
			if i == 0 {
				whole = ev
				continue
			}
			whole.Entries = append(whole.Entries, ev.Entries...)
		}
		raw, err := json.Marshal(whole)
		s.ok(err)
		merged = append(merged, raw)
	}
	s.said = merged
}

// TestACallIsTriedThreeTimes with pauses that grow, and what comes after a message
// that the server does not take does not wait for it.
func TestACallIsTriedThreeTimes(t *testing.T) {
	s := newScene(t)
	s.app.is(func(w http.ResponseWriter, r *http.Request, h heard) bool {
		return h.form.Get("content") != "b" || answers(500)(w, r, h)
	})
	for _, c := range []string{"a", "b", "c"} {
		s.sends("g", c)
	}
	s.merge(3)
	if !s.deliver("/", s.said[0]) {
		t.Error("an event of which some was told was given back")
	}
	s.expect("a", "c")
	if s.app.calls() != 5 || !slices.Equal(s.pauses, []time.Duration{150 * time.Millisecond, 600 * time.Millisecond}) {
		t.Errorf("%d calls with pauses of %v", s.app.calls(), s.pauses)
	}
	if len(s.later) != 1 || s.deliver("/later", s.later[0]) {
		t.Errorf("what is left is told, and was not taken: %q", s.later)
	}
	s.app.is(nil)
	if !s.deliver("/later", s.later[0]) {
		t.Error("what is left was not told")
	}
	s.expect("b")
	if !s.deliver("/", s.said[0]) {
		t.Error("a duplicate was given back")
	}
	s.expect()
}

// TestWhatCannotBePublishedIsGivenBack: some was told, the rest has nowhere to go.
func TestWhatCannotBePublishedIsGivenBack(t *testing.T) {
	s := newScene(t)
	s.sends("g", "a")
	s.sends("g", "b")
	s.merge(2)
	s.refuse = true
	s.app.is(func(w http.ResponseWriter, r *http.Request, h heard) bool {
		return h.form.Get("content") == "a" || answers(500)(w, r, h)
	})
	if s.deliver("/", s.said[0]) {
		t.Error("a message is lost")
	}
	s.app.is(nil)
	if !s.deliver("/", s.said[0]) {
		t.Error("it was not taken")
	}
	s.expect("a", "b")
}

// TestNobodyToTell costs nothing, whatever comes.
func TestNobodyToTell(t *testing.T) {
	s := newScene(t, func(c *settings.Callbacks) { *c = settings.Callbacks{} })
	for _, path := range []string{"/", "/operations", "/status"} {
		if !s.deliver(path, []byte("nonsense")) {
			t.Errorf("%s gives back what nobody wants", path)
		}
	}
	raw, err := json.Marshal(event.Callback{Kind: event.CallbackMessages, Timeline: &event.Timeline{}})
	s.ok(err)
	if !s.deliver("/later", raw) || s.app.calls() > 0 {
		t.Error("somebody was told")
	}
}

// TestNonsenseIsDropped: no retry can cure it.
func TestNonsenseIsDropped(t *testing.T) {
	s := newScene(t)
	for path, bodies := range map[string][]string{
		"/": {"x", `{"entries":["x"]}`}, "/operations": {"x", `{"entries":["x"]}`}, "/status": {"x"}, "/later": {"x", `{"kind":"messages"}`, `{"kind":"status","timeline":{}}`, `{}`},
	} {
		for _, body := range bodies {
			if !s.deliver(path, []byte(body)) {
				t.Errorf("%s gives back %s", path, body)
			}
		}
	}
	if s.app.calls() > 0 {
		t.Error("the app was told of nonsense")
	}
}

// TestASlowGroupHoldsUpNobody: while calls about one group do not come back, those of
// another group and of other kinds do.
func TestASlowGroupHoldsUpNobody(t *testing.T) {
	s := newScene(t)
	s.ok(s.groups.Join(t.Context(), "slow", []id.User{"ann"}, ""))
	s.said = nil
	free := make(chan struct{})
	stuck := make(chan struct{}, 1)
	s.app.is(func(_ http.ResponseWriter, _ *http.Request, h heard) bool {
		if h.form.Get("toUserId") == "slow" {
			select {
			case stuck <- struct{}{}:
			default:
			}
			<-free
		}
		return true
	})
	one := s.sends("slow", "slow 1")
	s.sends("slow", "slow 2")
	s.sends("g", "fast")
	var slow sync.WaitGroup
	for _, ev := range s.said[:2] {
		slow.Go(func() { s.all("/", [][]byte{ev}) })
	}
	<-stuck
	s.all("/", s.said[2:])
	s.expect("fast")
	s.ok(s.groups.Recall(t.Context(), "slow", one.UID, group.Recall{From: "ann"}))
	s.all("/operations", s.said[3:])
	if n := len(s.app.contents()); n != 1 {
		t.Errorf("operations wait for messages: %d calls were taken", n)
	}
	close(free)
	slow.Wait()
	got := s.app.contents()
	slices.Sort(got)
	if !slices.Equal(got, []string{"", "slow 1", "slow 2"}) { // the recall has no content
		t.Errorf("told %q", got)
	}
}

// TestEventsInDisorder come several times and in any order, at the same time. Each
// message is told at least once; in a process that knows where the group is, in order.
func TestEventsInDisorder(t *testing.T) {
	s := newScene(t)
	s.kinds[event.CallbackMessages].lanes.gap = time.Minute
	s.sends("g", "m00")
	s.all("/", s.said)
	s.said = nil
	want := []string{"m00"}
	for i := 1; i < 40; i++ {
		want = append(want, fmt.Sprintf("m%02d", i))
		s.sends("g", want[i])
	}
	events := slices.Concat(s.said, s.said[:20])
	rand.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	var wg sync.WaitGroup
	for _, ev := range events {
		wg.Go(func() { s.deliver("/", ev) })
	}
	wg.Wait()
	s.expect(want...)
}
