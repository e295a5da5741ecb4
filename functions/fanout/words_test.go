package fanout

import (
	"testing"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// TestWhatAJobSays is the text of a job, for those whom the message mentions and
// for the others. What nobody worded is left to who knows the reader's language.
func TestWhatAJobSays(t *testing.T) {
	bob := func(text string) *group.Mention {
		return &group.Mention{Type: group.MentionUsers, Users: []id.User{"bob"}, Text: text}
	}
	type says struct {
		body string
		own  bool
	}
	for _, c := range []struct {
		what              string
		message           group.Entry
		others, mentioned *says
	}{
		{"words", group.Entry{Type: "RC:TxtMsg", Content: `{"content":"hi"}`}, &says{body: "hi"}, nil},
		{"a picture", group.Entry{Type: "RC:ImgMsg", Content: `{}`}, &says{}, nil},
		{"pushContent", group.Entry{Type: "RC:ImgMsg", Content: `{}`, Push: &group.Push{Content: "look"}}, &says{body: "look"}, nil},
		{"a mention", group.Entry{Type: "RC:TxtMsg", Content: `{"content":"hi"}`, Mention: bob("")}, &says{body: "hi"}, &says{body: "hi"}},
		{"a mention with words", group.Entry{Type: "RC:ImgMsg", Content: `{}`, Mention: bob("for you"), Push: &group.Push{Content: "look"}}, &says{body: "look"}, &says{"for you", true}},
		{"a mention in an app's own type", group.Entry{Type: "app:x", Content: `{}`, Mention: bob("for you")}, nil, &says{"for you", true}},
	} {
		s := newScene(t)
		c.message.From = "ann"
		_, err := s.Groups.Publish(t.Context(), "g", c.message)
		s.ok(err)
		jobs, _ := s.last()
		for mentioned, want := range map[bool]*says{false: c.others, true: c.mentioned} {
			var got *event.Push
			for i := range jobs {
				if jobs[i].Mentioned == mentioned {
					got = &jobs[i]
				}
			}
			if (got == nil) != (want == nil) || got != nil && (says{got.Body, got.Own} != *want || got.Sender != "Ann" || got.Name != "Team") {
				t.Errorf("%s, to those mentioned: %v: the job is %+v, want %+v", c.what, mentioned, got, want)
			}
		}
	}
}
