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
	s.Changed, s.At = s.Changed+1, s.now
	s.Tags, s.Conversations = slices.Clone(s.Tags), maps.Clone(s.Conversations)
	if s.Conversations == nil {
		s.Conversations = map[id.Group]Conversation{}
	}
	s.sweep()
}

// put stores a conversation in which the user changed something.
func (s *state) put(g id.Group, c Conversation) {
	s.touch()
	c.Changed = s.Changed
	s.keep(g, c)
	s.tell(g)
}

// keep stores a conversation. One that is back in its default state is not kept.
func (s *state) keep(g id.Group, c Conversation) {
	if c.untouched() {
		delete(s.Conversations, g)
		return
	}
	s.Conversations[g] = c
}

func (s *state) pin(g id.Group, pinned bool) {
	c := s.Conversations[g]
	if pinned == (c.PinnedAt > 0) {
		s.repeat(g)
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
		s.repeat(g)
		return
	}
	c.ClearedSeq, c.ClearedAt = max(c.ClearedSeq, seq), max(c.ClearedAt, at)
	c.fold(c.ClearedSeq)
	s.put(g, c)
}

// own returns a conversation of a group that the user is in.
func (s *state) own(g id.Group) (Conversation, error) {
	c := s.Conversations[g]
	if !c.Present() {
		return c, fault.New(fault.NotMember, "the user is not a member of the group")
	}
	return c, nil
}

func (s *state) read(g id.Group, seq int64) (moved bool, err error) {
	c, err := s.own(g)
	if err != nil {
		return false, err
	}
	if seq <= c.ReadSeq {
		s.repeat(g)
		return false, nil
	}
	c.ReadSeq = seq
	s.put(g, c)
	return true, nil
}

func (s *state) remove(g id.Group, seq int64) error {
	c, err := s.own(g)
	if err != nil {
		return err
	}
	if seq <= c.DeletedSeq {
		s.repeat(g)
		return nil
	}
	c.DeletedSeq, c.ReadSeq = seq, max(c.ReadSeq, seq)
	s.put(g, c)
	return nil
}

// patch changes what a Patch names, all of it or nothing.
func (s *state) patch(g id.Group, p Patch) error {
	if p.Draft != nil && len(*p.Draft) > MaxDraft {
		return fault.New(fault.TooLarge, "draft is longer than %d bytes", MaxDraft)
	}
	c, err := s.own(g)
	if err != nil {
		return err
	}
	if p.Key != "" && s.keys.has(p.Key) {
		s.repeat(g)
		return nil
	}
	after := c
	if p.Tags != nil {
		after.Tags = nil
		for _, tag := range *p.Tags {
			if find(s.Tags, tag) < 0 {
				return fault.New(fault.InvalidArgument, "the user has no tag %q", tag)
			}
			if !slices.Contains(after.Tags, tag) {
				after.Tags = append(after.Tags, tag)
			}
		}
	}
	if p.Pinned != nil && *p.Pinned != (c.PinnedAt > 0) {
		after.PinnedAt = 0
		if *p.Pinned {
			after.PinnedAt = s.now
		}
	}
	if p.Draft != nil {
		after.Draft = *p.Draft
	}
	if after.PinnedAt == c.PinnedAt && after.Draft == c.Draft && slices.Equal(after.Tags, c.Tags) {
		s.repeat(g)
		return nil
	}
	s.put(g, after)
	if p.Key != "" {
		s.keys = s.keys.with(p.Key)
	}
	return nil
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
	if slices.Equal(after, s.Tags) {
		s.repeatTags()
		return nil
	}
	s.putTags(after)
	return nil
}

// putTags stores the tags of a user who changed them.
func (s *state) putTags(tags []Tag) {
	s.touch()
	s.Tags, s.TagsChanged, s.tellTags = tags, s.Changed, true
}

func (s *state) deleteTags(tags []string) {
	gone := func(t Tag) bool { return slices.Contains(tags, t.ID) }
	if !slices.ContainsFunc(s.Tags, gone) {
		s.repeatTags()
		return
	}
	s.putTags(slices.DeleteFunc(slices.Clone(s.Tags), gone))
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
		} else {
			s.repeat(g)
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
		} else {
			s.repeat(g)
		}
	}
}
