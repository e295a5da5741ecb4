package privacy

import (
	"context"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/hourlog"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/notify"
)

// FindGroup tells of all that is kept of a group. It costs a read for each of its
// documents and two for each user of the app, who may have set something for it.
func FindGroup(ctx context.Context, o Options, g id.Group) error {
	return o.search(false).group(ctx, g)
}

// EraseGroup ends a group and takes all that is kept of it. Errors: fault.Unavailable
// where others changed the same; it may be repeated after any.
func EraseGroup(ctx context.Context, o Options, g id.Group) error {
	return o.search(true).group(ctx, g)
}

func (s *search) group(ctx context.Context, g id.Group) error {
	var last, at int64
	return then(ctx,
		func(ctx context.Context) error { return s.whole(ctx, g) },
		func(ctx context.Context) (err error) {
			if s.erase {
				if last, at, err = s.Groups.Erase(ctx, g); err == nil {
					err = s.Receipts.EraseAll(ctx, g, last)
				}
			}
			return err
		},
		func(ctx context.Context) error { return s.levels(ctx, g) },
		func(ctx context.Context) error { return s.states(ctx, g, last, at) },
		func(ctx context.Context) error { return s.progress(ctx, groupDoc(g)) },
		func(ctx context.Context) error {
			return s.log(ctx, func(l hourlog.Line) []byte {
				if l.To != g || s.erase && behind(l.UID, last) {
					return l.Text
				}
				return nil
			})
		})
}

// behind says of a message of a group that was erased whether it is from after its end,
// when the group was created again.
func behind(m id.Message, last int64) bool {
	_, seq, ours := m.Parse()
	return ours && seq > last
}

// whole finds what the group itself is.
func (s *search) whole(ctx context.Context, g id.Group) error {
	if err := s.Receipts.Answers(ctx, g, nil, s.answer(g)); err != nil {
		return err
	}
	h, known, err := s.Groups.Head(ctx, g)
	if err != nil || !known {
		return err
	}
	if h.Erased() {
		// Whoever erased it may not have come to the end.
		left, err := s.Groups.Segments(ctx, g, commit.Doc{}, 1)
		if err != nil || len(left) == 0 {
			return err
		}
		return s.found(left[0].Doc.Path, Segment, nil)
	}
	if err := s.found(groupDoc(g), Group, struct {
		Group   id.Group `json:"groupId"`
		Name    string   `json:"name"`
		LastSeq int64    `json:"lastSeq"`
		Offline int      `json:"offlineDays,omitempty"`
	}{g, h.Name, h.LastSeq, h.OfflineDays}); err != nil {
		return err
	}
	roster, err := s.Groups.Roster(ctx, g, h.Shards)
	if err != nil {
		return err
	}
	roster.Each(func(u id.User, m group.Member, _ *group.Targets) {
		if err == nil {
			err = s.found(groupDoc(g)+"/roster", Membership, struct {
				User   id.User      `json:"userId"`
				Member group.Member `json:"membership"`
			}{u, m})
		}
	})
	if err != nil {
		return err
	}
	return s.Groups.Whole(ctx, h, func(e group.Entry) error { return s.found(groupDoc(g), Entry, place(h, e)) })
}

// levels are the users' own levels of notifications for the group.
func (s *search) levels(ctx context.Context, g id.Group) error {
	return s.Users.Levels(ctx, g, func(u id.User, l notify.Level) error {
		if err := s.found(userDoc(u), Level, struct {
			User  id.User      `json:"userId"`
			Level notify.Level `json:"level"`
		}{u, l}); err != nil || !s.erase {
			return err
		}
		return s.Users.EraseLevel(ctx, u, g)
	})
}

// states are what users made of the group as a conversation of theirs.
func (s *search) states(ctx context.Context, g id.Group, last, at int64) error {
	for after := id.User(""); ; {
		all, err := s.Conversations.All(ctx, after, page)
		if err != nil {
			return err
		}
		for _, h := range all {
			after = h.User
			c, known := h.Of(g)
			if !known {
				continue
			}
			if err := s.found(userDoc(h.User)+"/state/0", Conversation, struct {
				User         id.User `json:"userId"`
				Conversation any     `json:"conversation"`
			}{h.User, c}); err != nil {
				return err
			}
			if s.erase {
				if err := s.Conversations.Bury(ctx, h.User, g, last, at); err != nil {
					return err
				}
			}
		}
		if len(all) < page {
			return nil
		}
	}
}
