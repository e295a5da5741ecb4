package live_test

import (
	"strings"
	"testing"

	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// TestWhatBecomesOfAMessageIsForThoseWhoKnowIt: an edit shows a message's content, so
// it is not for who joined later; and it is for who gets back, after a dismissal,
// what was theirs, and not for who quit and came back.
func TestWhatBecomesOfAMessageIsForThoseWhoKnowIt(t *testing.T) {
	s := play(t)
	h := s.hub()
	s.ok(s.groups.Join(s.ctx, "g", []id.User{"ann", "bob", "cem"}, "G"))
	ann, cem, dee := s.phone(h, "ann"), s.phone(h, "cem"), s.phone(h, "dee")
	r, err := s.groups.Publish(s.ctx, "g", group.Entry{From: "bob", Type: "RC:TxtMsg", Content: "{}"}) // 2
	s.ok(err)
	edit := func(content string) {
		t.Helper()
		s.ok(s.groups.Edit(s.ctx, "g", r.UID, group.Edit{From: "bob", Content: content}))
		s.deliverAll(h)
	}
	s.ok(s.groups.Join(s.ctx, "g", []id.User{"dee"}, "")) // 3
	edit("4")
	s.hears(ann, "g(1,4]:2,3,4")
	s.hears(dee, "joined g@3; g(3,4]:")
	s.ok(s.groups.Quit(s.ctx, "g", []id.User{"cem"}))     // 5
	s.ok(s.groups.Join(s.ctx, "g", []id.User{"cem"}, "")) // 6
	edit("7")
	s.hears(cem, "g(1,4]:2,3,4; left g@5; joined g@6; g(6,7]:")
	s.ok(s.groups.Dismiss(s.ctx, "g", "bob"))                           // 8
	s.ok(s.groups.Join(s.ctx, "g", []id.User{"ann", "bob", "dee"}, "")) // 9
	s.deliverAll(h)
	s.eventually(func() string { return ann.story() }, func() bool {
		return strings.Contains(ann.story(), "joined g@9") && strings.Contains(dee.story(), "joined g@9")
	})
	edit("10")
	s.hears(ann, "g(1,7]:2,3,4,5,6,7; dismissed g@8; joined g@9; g(9,10]:10")
	s.hears(dee, "joined g@3; g(3,7]:5,6; dismissed g@8; joined g@9; g(9,10]:")
}

// TestAResumeLeavesOutWhatTheUserDeleted, with another device while this one was away.
func TestAResumeLeavesOutWhatTheUserDeleted(t *testing.T) {
	s := play(t)
	h := s.hub()
	s.ok(s.groups.Join(s.ctx, "g", []id.User{"ann", "bob"}, "G"))
	ann := s.phone(h, "ann")
	s.say("g", group.Entry{From: "bob"}) // 2
	s.deliverAll(h)
	s.hears(ann, "g(1,2]:2")
	ann.stop()
	<-ann.on
	for range 3 {
		s.say("g", group.Entry{From: "bob"}) // 3 to 5
	}
	s.ok(s.conversations.DeleteMessages(s.ctx, "ann", "g", 1, []int64{4}))
	s.ok(s.connect(h, ann, -1))
	s.hears(ann, "g(1,5]:2,3,5")
}
