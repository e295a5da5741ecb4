package push

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/settings"
)

// Style is how an app wants its notifications, and the languages it can say them in.
type Style struct {
	settings.Notifications
	matcher   matcher[*words]
	fallback  language.Tag
	templates map[string]matcher[settings.Template]
}

// NewStyle prepares what an app set. Its error says that there are no phrases in
// the language that is for everybody else.
func NewStyle(n settings.Notifications) (*Style, error) {
	s := &Style{Notifications: n, templates: map[string]matcher[settings.Template]{}}
	phrases := map[string]*words{}
	for i := range table {
		phrases[table[i].language] = &table[i]
	}
	s.matcher = newMatcher(phrases)
	s.fallback = language.Make(cmp.Or(n.Language, table[0].language))
	if _, ok := s.matcher.match(s.fallback); !ok {
		return nil, fmt.Errorf("THRONG_PUSH_LANGUAGE is %q, in which there are no phrases", n.Language)
	}
	for id, byLanguage := range n.Templates {
		s.templates[id] = newMatcher(byLanguage)
	}
	return s, nil
}

// plain is the style of an app that set nothing.
var plain, _ = NewStyle(settings.Notifications{}) // there is English

// matcher finds among what there is in some languages what a reader understands.
type matcher[T any] struct {
	find language.Matcher
	tags []language.Tag
	in   []T
}

func newMatcher[T any](byLanguage map[string]T) matcher[T] {
	var m matcher[T]
	for _, tag := range slices.Sorted(maps.Keys(byLanguage)) {
		m.tags, m.in = append(m.tags, language.Make(tag)), append(m.in, byLanguage[tag])
	}
	m.find = language.NewMatcher(m.tags)
	return m
}

// match finds the same language, in whichever country and script comes closest, and
// never another one that the reader probably knows, too: not everybody who knows
// Russian wants to be spoken to in it.
func (m matcher[T]) match(tag language.Tag) (v T, ok bool) {
	if len(m.in) == 0 {
		return v, false
	}
	_, i, confidence := m.find.Match(tag)
	asked, _ := tag.Base()
	if found, _ := m.tags[i].Base(); found != asked || confidence < language.High {
		return v, false
	}
	return m.in[i], true
}

// voice is what one language has for a job.
type voice struct {
	*words
	template settings.Template
}

// voice finds the words for a device's language, and the sender's template in it.
func (s *Style) voice(named, template string) voice {
	tag, err := language.Parse(named)
	if err != nil || tag == language.Und {
		tag = s.fallback
	}
	var v voice
	v.template, _ = s.templates[template].match(tag)
	var ok bool
	if v.words, ok = s.matcher.match(tag); !ok {
		v.words, _ = s.matcher.match(s.fallback)
	}
	return v
}

// texts are the title and the body of a notification.
func (s *Style) texts(job event.Push, ext pushExt, v voice) (title, body string) {
	hidden := s.HideDetails && !ext.force
	if hidden {
		job.Sender = ""
	}
	switch {
	case job.Kind == event.PushRecall:
		return cmp.Or(job.Name, job.Sender), v.recall(job)
	case job.Kind == event.PushFold:
		return job.Name, v.fold(job.Count)
	case hidden:
		return job.Name, v.new
	case job.Own: // what a mention says goes before what is for everybody
		v.template.Body = ""
	}
	title = cmp.Or(v.template.Title, ext.title, job.Name)
	body = cmp.Or(v.template.Body, job.Body, v.ofType(job.Type))
	if title != "" && job.Sender != "" {
		body = job.Sender + ": " + body
	}
	return cmp.Or(title, job.Sender), body
}

func (v voice) recall(job event.Push) string {
	switch {
	case job.Admin:
		return v.byAdmin
	case job.Sender == "":
		return v.recalled
	}
	return strings.Replace(v.by, "{who}", job.Sender, 1)
}

func (v voice) fold(n int64) string {
	form := plural.Cardinal.MatchPlural(language.Make(v.language), int(n%10_000_000), 0, 0, 0, 0)
	phrase, ok := v.several[form]
	if !ok {
		phrase = v.several[plural.Other]
	}
	return strings.Replace(phrase, "{n}", strconv.FormatInt(n, 10), 1)
}

// shorten cuts text to at most max bytes at a character's boundary.
func shorten(text string, max int) string {
	if len(text) <= max {
		return text
	}
	const mark = "…"
	cut := max - len(mark)
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + mark
}
