package fanout

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/notify"
	"github.com/throng-im/throng/shared/pubsub"
)

// bursting is a scene in which a group's fourth message of a minute is folded. ann
// speaks; eve is no member.
func bursting(t *testing.T) *scene {
	t.Helper()
	s := newSceneWith(t, group.Options{Burst: 3, Linger: -1})
	s.events = nil
	return s
}

// says publishes so many messages and returns their ids.
func (s *scene) says(n int, m group.Entry) (uids []id.Message) {
	s.Helper()
	m.From = "ann"
	for range n {
		uids = append(uids, s.publishes(m))
	}
	return uids
}

// told is who was told what by the jobs: of a message by its text, or of a count.
func (s *scene) told(jobs []event.Push) (told []string) {
	for _, j := range jobs {
		what := j.Body
		if j.Kind == event.PushFold {
			what = fmt.Sprint(j.Count)
		} else if j.Kind != event.PushMessage {
			what = string(j.Kind)
		}
		for _, d := range j.Targets {
			told = append(told, string(d.User)+" "+what)
		}
	}
	slices.Sort(told)
	return told
}

// tells fans out the newest event and expects this.
func (s *scene) tells(what string, want ...string) {
	s.Helper()
	s.ok(s.deliver(s.newest()))
	if got := s.told(taken[event.Push](s, event.TopicPush)); !slices.Equal(got, want) {
		s.Errorf("%s: told are %q, want %q", what, got, want)
	}
}

// TestABurstIsFoldedAlikeByEverybody has two processes handle each event of a burst
// twice, in another order each time: they make the same jobs, and the last count of
// all is that of the messages.
func TestABurstIsFoldedAlikeByEverybody(t *testing.T) {
	const folded = 21
	for seed := range uint64(20) {
		s := bursting(t)
		uids := s.says(3+folded, group.Entry{})
		order := rand.New(rand.NewPCG(seed, 0))
		jobs, dues := map[string]event.Push{}, []event.Watch{}
		for _, f := range []*function{s.function, s.another()} {
			events := append(slices.Clone(s.events), s.events...)
			order.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
			for _, ev := range events {
				data, err := json.Marshal(ev)
				s.ok(err)
				s.ok(f.handle(t.Context(), pubsub.Delivery{Data: data}))
			}
			shown, counts := map[id.Message]bool{}, []int64{}
			for _, j := range taken[event.Push](s, event.TopicPush) {
				if first, known := jobs[j.Job]; known && fmt.Sprintf("%+v", first) != fmt.Sprintf("%+v", j) {
					t.Errorf("one job is %+v and %+v", first, j)
				}
				jobs[j.Job] = j
				if len(j.Targets) != 3 {
					t.Errorf("the job %s has %d targets", j.Job, len(j.Targets))
				}
				if j.Kind == event.PushFold {
					counts = append(counts, j.Count)
				} else {
					shown[j.MessageUID] = true
				}
			}
			slices.Sort(counts)
			if len(shown) != 3 || !shown[uids[0]] || !shown[uids[1]] || !shown[uids[2]] || !slices.Equal(counts, []int64{1, 2, 4, 8, 16}) {
				t.Errorf("seed %d: shown are %d messages, counts %v", seed, len(shown), counts)
			}
			dues = append(dues, taken[event.Watch](s, event.TopicWatch)...)
		}
		if len(jobs) != 3+5 {
			t.Errorf("seed %d: two processes make %d jobs", seed, len(jobs))
		}
		s.countIsAskedFor(dues)
		s.ok(s.Groups.AnnounceFold(t.Context(), "g"))
		s.tells("in the end", "bob 21", "cem 21", "dan 21")
	}
}

// countIsAskedFor holds that the events to watch are about the group, one from each
// process, and that one is due when all was said.
func (s *scene) countIsAskedFor(dues []event.Watch) {
	s.Helper()
	e, err := group.DecodeEntry(s.newest().Entries[0])
	s.ok(err)
	for _, due := range dues {
		if due.Group != "g" || due.Instance != "" || due.At < e.At {
			s.Errorf("the count is asked for with %+v, the last is of %d", due, e.At)
		}
	}
	if len(dues) != 2 {
		s.Errorf("the count is asked for %d times", len(dues))
	}
}

// TestTheCountIsAskedForOnceAMinute, as long as messages are folded.
func TestTheCountIsAskedForOnceAMinute(t *testing.T) {
	s := newSceneWith(t, group.Options{})
	say := func(at, folded int64) {
		t.Helper()
		raw, err := json.Marshal(group.Entry{Seq: s.newestSeq() + 1, At: at, Kind: group.KindMessage, Type: "RC:TxtMsg", Folded: folded})
		s.ok(err)
		ev := s.newest()
		ev.Entries = []json.RawMessage{raw}
		s.events = append(s.events, ev)
		s.ok(s.deliver(ev))
	}
	for i := range int64(200) { // one a second, the first two as they may be
		say(1_000*i, max(i-1, 0))
	}
	var dues []int64
	for _, due := range taken[event.Watch](s, event.TopicWatch) {
		dues = append(dues, due.At)
	}
	if want := []int64{62_000, 123_000, 184_000, 245_000}; !slices.Equal(dues, want) {
		t.Errorf("asked for at %v, want %v", dues, want)
	}
}

func (s *scene) newestSeq() int64 {
	e, err := group.DecodeEntry(s.newest().Entries[0])
	s.ok(err)
	return e.Seq
}

// TestWhoIsToldOneByOneAllTheSame goes through what a burst leaves alone.
func TestWhoIsToldOneByOneAllTheSame(t *testing.T) {
	s := bursting(t)
	set := func(u id.User, level notify.Level) { s.ok(s.Users.SetLevel(t.Context(), u, "g", level)) }
	set("cem", notify.MentionsAll)
	s.says(4, group.Entry{})
	s.tells("the first that is folded", "bob 1", "dan 1")
	s.says(1, group.Entry{Mention: &group.Mention{Type: group.MentionUsers, Users: []id.User{"bob"}, Text: "you"}})
	s.tells("one that mentions bob", "bob you", "dan 2")
	s.says(1, group.Entry{Mention: &group.Mention{Type: group.MentionUsers, Users: []id.User{"bob"}, Text: "you"}})
	s.tells("another, which is no step", "bob you")
	s.says(1, group.Entry{Mention: &group.Mention{Type: group.MentionAll, Text: "all of you"}})
	s.tells("one for all", "bob 4", "cem all of you", "dan 4")
	s.says(1, group.Entry{To: []id.User{"bob"}})
	s.tells("a targeted one", "bob hi")
	s.says(1, group.Entry{Push: &group.Push{Ext: `{"pushConfigs":[{"APNs":{"interruption-level":"time-sensitive"}}]}`}})
	s.tells("an urgent one", "bob hi", "dan hi")
	s.says(1, group.Entry{Push: &group.Push{Ext: `{"pushConfigs":[{"APNs":{"interruption-level":"active"}}]}`}})
	s.tells("one that is as urgent as any")
	s.says(1, group.Entry{Push: &group.Push{Disabled: true}})
	s.tells("one that is not to notify")
	s.says(3, group.Entry{})
	s.tells("the eighth that counts", "bob 8", "dan 8")
	s.says(1, group.Entry{Mention: &group.Mention{Type: group.MentionUsers, Users: []id.User{"bob"}, Text: "you"}})
	s.tells("the ninth", "bob you")
	set("dan", notify.Nothing)
	s.ok(s.Groups.AnnounceFold(t.Context(), "g"))
	s.tells("in the end, when dan wants nothing", "bob 9")
}

// TestARecallInABurst: who was told of the message is told that it is gone.
func TestARecallInABurst(t *testing.T) {
	s := bursting(t)
	shown := s.says(3, group.Entry{})
	folded := s.says(2, group.Entry{})
	mention := s.says(1, group.Entry{Mention: &group.Mention{Type: group.MentionUsers, Users: []id.User{"bob"}}})
	recall := func(uid id.Message) { s.ok(s.Groups.Recall(t.Context(), "g", uid, group.Recall{From: "ann"})) }
	recall(shown[2])
	s.tells("one that was shown", "bob recall", "cem recall", "dan recall")
	recall(folded[0])
	s.tells("the first that was not")
	recall(mention[0])
	s.tells("one that was shown to bob", "bob recall")
	// A message that is announced once more after its recall still has its count.
	again := s.events[4]
	e, err := group.DecodeEntry(again.Entries[0])
	s.ok(err)
	e.Recalled, e.Content, e.Type = 9, "", "app:x" // whose text was pushContent
	again.Entries[0], err = json.Marshal(e)
	s.ok(err)
	s.events = append(s.events, again)
	s.tells("the second, which is gone", "bob 2", "cem 2", "dan 2")
}

func TestWhoIsConnectedIsToldNoCount(t *testing.T) {
	s := bursting(t)
	s.ok(s.Presence.Set(t.Context(), "instance", []id.User{"bob"}))
	s.says(4, group.Entry{})
	s.tells("while bob is connected", "cem 1", "dan 1")
	s.ok(s.Groups.AnnounceFold(t.Context(), "g"))
	s.tells("in the end", "cem 1", "dan 1")
	// bob may have missed it by now.
	missed := s.events[3]
	missed.Missed = []id.User{"bob"}
	s.events = append(s.events, missed)
	s.tells("made up for", "bob 1")
}
