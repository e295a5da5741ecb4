package fanout

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/notify"
	"github.com/throng-im/throng/shared/pubsub"
)

// TestARecallReplacesTheNotification recalls messages of several kinds: whoever
// had a notification of the message gets another one of the same name.
func TestARecallReplacesTheNotification(t *testing.T) {
	for what, c := range map[string]struct {
		message group.Entry
		recall  group.Recall
		reached []id.User
		want    event.Push // its sender and whether it is an administrator's
	}{
		"by its sender":       {group.Entry{From: "ann"}, group.Recall{From: "ann"}, []id.User{"bob", "cem", "dan"}, event.Push{Sender: "Ann"}},
		"by an administrator": {group.Entry{From: "ann"}, group.Recall{From: "bob", Admin: true}, []id.User{"cem", "dan"}, event.Push{Sender: "Bob", Admin: true}},
		"by somebody unknown": {group.Entry{From: "ann"}, group.Recall{From: "system"}, []id.User{"bob", "cem", "dan"}, event.Push{}},
		"targeted":            {group.Entry{From: "ann", To: []id.User{"ann", "cem", "eve"}}, group.Recall{From: "ann"}, []id.User{"cem"}, event.Push{Sender: "Ann"}},
		"in silence":          {group.Entry{From: "ann"}, group.Recall{From: "ann", PushDisabled: true}, nil, event.Push{}},
	} {
		s := newScene(t)
		uid := s.publishes(c.message)
		original, _ := s.last()
		// Who comes later has no notification to be replaced, who has left wants none.
		s.ok(s.Groups.Join(t.Context(), "g", []id.User{"eve"}, ""))
		s.ok(s.Groups.Recall(t.Context(), "g", uid, c.recall))
		jobs, reached := s.last()
		if !slices.Equal(reached, c.reached) {
			t.Errorf("%s: reached %v, want %v", what, reached, c.reached)
		}
		for _, j := range jobs {
			if j.MessageUID != uid || j.Seq != original[0].Seq || j.Job == original[0].Job || j.Type != "RC:RcCmd" || j.Kind != event.PushRecall || j.Name != "Team" || j.Sender != c.want.Sender || j.Admin != c.want.Admin || j.Body != "" {
				t.Errorf("%s: the job is %+v", what, j)
			}
		}
		s.ok(s.Groups.Recall(t.Context(), "g", uid, c.recall))
		if again, _ := s.last(); len(again) != len(jobs) || len(jobs) > 0 && again[0].Job != jobs[0].Job {
			t.Errorf("%s: the same recall again makes the jobs %+v", what, again)
		}
	}
}

func TestWhoLeftHearsNothingOfARecall(t *testing.T) {
	s := newScene(t)
	uid := s.publishes(group.Entry{From: "ann"})
	s.ok(s.Groups.Quit(t.Context(), "g", []id.User{"bob", "cem"}))
	s.ok(s.Groups.Join(t.Context(), "g", []id.User{"cem"}, ""))
	s.ok(s.Groups.Recall(t.Context(), "g", uid, group.Recall{From: "ann"}))
	if _, reached := s.last(); !slices.Equal(reached, []id.User{"dan"}) {
		t.Errorf("reached %v", reached)
	}
}

func TestOtherChangesNotifyNobody(t *testing.T) {
	s := newScene(t)
	uid := s.publishes(group.Entry{From: "ann", Expandable: true})
	s.ok(s.Groups.Edit(t.Context(), "g", uid, group.Edit{From: "ann", Content: `{"content":"ho"}`, Mention: &group.Mention{Type: group.MentionAll, Text: "look"}}))
	if jobs, _ := s.last(); len(jobs) > 0 {
		t.Errorf("an edit made %+v", jobs)
	}
	s.ok(s.Groups.SetExpansion(t.Context(), "g", uid, "ann", map[string]string{"k": "v"}, false))
	if jobs, _ := s.last(); len(jobs) > 0 {
		t.Errorf("an extension change made %+v", jobs)
	}
}

// TestStatusMessagesPassBy hands the function events with status messages, which
// have no seq: they are no work, and what comes with them is done all the same.
func TestStatusMessagesPassBy(t *testing.T) {
	s := newScene(t)
	for range 2 {
		_, err := s.Groups.PublishStatus(t.Context(), "g", group.Entry{From: "ann", Type: "RC:TxtMsg", Content: `{"content":"hi"}`})
		s.ok(err)
		data, err := json.Marshal(s.events[len(s.events)-1])
		s.ok(err)
		s.ok(s.handle(t.Context(), pubsub.Delivery{Data: data}))
	}
	s.ok(s.Groups.Rename(t.Context(), "g", "Crew"))
	both := s.events[len(s.events)-1]
	both.Entries = append(slices.Clone(s.events[len(s.events)-2].Entries), both.Entries...)
	data, err := json.Marshal(both)
	s.ok(err)
	s.ok(s.handle(t.Context(), pubsub.Delivery{Data: data}))
	if jobs := s.notified(); len(jobs) > 0 {
		t.Errorf("status messages notified %v", jobs)
	}
	if s.done.Len() != 1 {
		t.Errorf("%d entries are done, want the one with a seq", s.done.Len())
	}
}

// TestWhoCameBackMeanwhileIsNotified: bob has left and come back, and cem has left,
// by the time that the event of a message is handled which both were there for.
func TestWhoCameBackMeanwhileIsNotified(t *testing.T) {
	s := newScene(t)
	s.publishes(group.Entry{From: "ann"})
	message := s.events[len(s.events)-1:]
	s.ok(s.Groups.Quit(t.Context(), "g", []id.User{"bob", "cem"}))
	s.publishes(group.Entry{From: "ann"})
	between := s.events[len(s.events)-1]
	s.ok(s.Groups.Join(t.Context(), "g", []id.User{"bob"}, ""))
	s.events = append(s.events, message...)
	if _, reached := s.last(); !slices.Equal(reached, []id.User{"bob", "cem", "dan"}) {
		t.Errorf("reached %v", reached)
	}
	s.events = append(s.events, between)
	if _, reached := s.last(); !slices.Equal(reached, []id.User{"dan"}) {
		t.Errorf("what was said while bob was away reached %v", reached)
	}
}

// TestARecallGoesByTheHourOfItsMessage: who slept when the message came has nothing
// to be replaced, and who was awake has, and is not woken by it.
func TestARecallGoesByTheHourOfItsMessage(t *testing.T) {
	s := newSceneWith(t, group.Options{Now: func() time.Time { return noon }})
	s.ok(s.Users.SetQuiet(t.Context(), "bob", *night(notify.Nothing)))
	uid := s.publishes(group.Entry{From: "ann"})
	s.ok(s.Groups.Recall(t.Context(), "g", uid, group.Recall{From: "ann"}))
	for want, sent := range map[string]time.Time{"[bob cem dan]": noon, "[cem dan]": midnight} {
		ev := s.newest()
		e, err := group.DecodeEntry(ev.Entries[0])
		s.ok(err)
		e.TargetAt, e.At = sent.UnixMilli(), sent.Add(12*time.Hour).UnixMilli()
		ev.Entries[0], err = json.Marshal(e)
		s.ok(err)
		s.events = append(s.events, ev)
		if _, reached := s.last(); fmt.Sprint(reached) != want {
			t.Errorf("the recall of what was sent at %s reached %v", sent, reached)
		}
	}
}

// TestWhomAMessageHadNotifiedIsToldOfItsRecall goes through messages that notified
// some or nobody: of those that they did not, nobody learns by the recall that there
// was one.
func TestWhomAMessageHadNotifiedIsToldOfItsRecall(t *testing.T) {
	toBob := &group.Mention{Type: group.MentionUsers, Users: []id.User{"bob"}}
	withText := &group.Mention{Type: group.MentionUsers, Users: []id.User{"bob"}, Text: "you"}
	for what, c := range map[string]struct {
		message group.Entry
		reached []id.User
	}{
		"a text":                           {group.Entry{Type: "RC:TxtMsg"}, []id.User{"bob", "dan"}},
		"one that mentions bob":            {group.Entry{Type: "RC:TxtMsg", Mention: toBob}, []id.User{"bob", "dan"}},
		"one that mentions all":            {group.Entry{Type: "RC:TxtMsg", Mention: &group.Mention{Type: group.MentionAll}}, []id.User{"bob", "cem", "dan"}},
		"a silent one":                     {group.Entry{Type: "RC:TxtMsg", Push: &group.Push{Disabled: true}}, nil},
		"the app's, without a text":        {group.Entry{Type: "app:x"}, nil},
		"the app's, with one":              {group.Entry{Type: "app:x", Push: &group.Push{Content: "x"}}, []id.User{"bob", "dan"}},
		"the app's, with one for bob only": {group.Entry{Type: "app:x", Mention: withText}, []id.User{"bob"}},
	} {
		s := newScene(t)
		s.ok(s.Users.SetLevel(t.Context(), "cem", "g", notify.MentionsAll))
		c.message.From, c.message.Content = "ann", "{}"
		r, err := s.Groups.Publish(t.Context(), "g", c.message)
		s.ok(err)
		if _, reached := s.last(); !slices.Equal(reached, c.reached) {
			t.Errorf("%s reached %v, want %v", what, reached, c.reached)
		}
		s.ok(s.Groups.Recall(t.Context(), "g", r.UID, group.Recall{From: "ann"}))
		if _, reached := s.last(); !slices.Equal(reached, c.reached) {
			t.Errorf("the recall of %s reached %v, want %v", what, reached, c.reached)
		}
	}
}
