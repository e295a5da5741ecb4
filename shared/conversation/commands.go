package conversation

import (
	"maps"
	"slices"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
)

// The commands. Each is a pure function of the draft, and changes nothing when
// it returns an error. A command that finds everything as it should be leaves
// the draft unchanged, so that nothing is written.

// touch prepares the draft for a change. All changes of one commit have one
// number.
func (s *state) touch() {
	if s.touched {
		return
	}
	s.touched = true
	s.Changed++
	s.Tags, s.Conversations = slices.Clone(s.Tags), maps.Clone(s.Conversations)
	if s.Conversations == nil {
		s.Conversations = map[id.Group]Conversation{}
	}
}

// put stores a conversation that was changed. One that is back in its default
// state is not kept.
func (s *state) put(g id.Group, c Conversation) {
	s.touch()
	if c.untouched() {
		delete(s.Conversations, g)
		return
	}
	c.Changed = s.Changed
	s.Conversations[g] = c
}

func (s *state) pin(g id.Group, pinned bool) {
	c := s.Conversations[g]
	if pinned == (c.PinnedAt > 0) {
		return
	}
	c.PinnedAt = 0
	if pinned {
		c.PinnedAt = s.now
	}
	s.put(g, c)
}

func (s *state) clear(g id.Group, seq, at int64) {
	c := s.Conversations[g]
	if seq <= c.ClearedSeq && at <= c.ClearedAt {
		return
	}
	c.ClearedSeq, c.ClearedAt = max(c.ClearedSeq, seq), max(c.ClearedAt, at)
	c.fold(c.ClearedSeq)
	s.put(g, c)
}

// find returns the place of a tag, or -1.
func find(tags []Tag, tag string) int {
	return slices.IndexFunc(tags, func(t Tag) bool { return t.ID == tag })
}

func (s *state) setTags(tags []Tag) error {
	after := slices.Clone(s.Tags)
	for _, t := range tags {
		if i := find(after, t.ID); i >= 0 {
			after[i].Name = t.Name
		} else {
			after = append(after, Tag{ID: t.ID, Name: t.Name, CreatedAt: s.now})
		}
	}
	if len(after) > MaxTags {
		return fault.New(fault.InvalidArgument, "the user would have %d tags, at most %d are allowed", len(after), MaxTags)
	}
	if !slices.Equal(after, s.Tags) {
		s.touch()
		s.Tags = after
	}
	return nil
}

func (s *state) deleteTags(tags []string) {
	gone := func(t Tag) bool { return slices.Contains(tags, t.ID) }
	if !slices.ContainsFunc(s.Tags, gone) {
		return
	}
	s.touch()
	s.Tags = slices.DeleteFunc(s.Tags, gone)
	for g, c := range s.Conversations {
		kept := slices.DeleteFunc(slices.Clone(c.Tags), func(t string) bool { return slices.Contains(tags, t) })
		if len(kept) < len(c.Tags) {
			c.Tags = kept
			s.put(g, c)
		}
	}
}

func (s *state) tag(tag string, groups []id.Group) error {
	if find(s.Tags, tag) < 0 {
		return fault.New(fault.InvalidArgument, "the user has no tag %q", tag)
	}
	for _, g := range groups {
		c := s.Conversations[g]
		if !slices.Contains(c.Tags, tag) {
			c.Tags = append(slices.Clone(c.Tags), tag)
			s.put(g, c)
		}
	}
	return nil
}

func (s *state) untag(tag string, groups []id.Group) {
	for _, g := range groups {
		c := s.Conversations[g]
		if slices.Contains(c.Tags, tag) {
			c.Tags = slices.DeleteFunc(slices.Clone(c.Tags), func(t string) bool { return t == tag })
			s.put(g, c)
		}
	}
}
