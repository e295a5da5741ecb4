package privacy

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/hourlog"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/receipt"
	"github.com/throng-im/throng/shared/retention"
)

// FindUsers tells of all that is kept of people. It costs a read for each group with
// each of its segments and documents of receipts, for each token and each instance,
// one for each of the people in each group at most, and two for each beside. What cannot
// be read holds up nothing of the rest, and makes an error in the end.
func FindUsers(ctx context.Context, o Options, people id.People) error {
	return o.search(false).users(ctx, people)
}

// EraseUsers ends the tokens and the memberships of people, and takes all that is kept
// of them. Messages that others sent stay, without their names in what the contract
// has for names. What cannot be read or changed holds up nothing of the rest, and makes
// an error in the end. Errors: fault.Unavailable where others changed the same; it may
// be repeated after any.
func EraseUsers(ctx context.Context, o Options, people id.People) error {
	return o.search(true).users(ctx, people)
}

func (s *search) users(ctx context.Context, people id.People) error {
	each := func(visit func(context.Context, id.User) error) func(context.Context) error {
		var parts []func(context.Context) error
		for _, u := range slices.Sorted(maps.Keys(people)) {
			parts = append(parts, func(ctx context.Context) error { return visit(ctx, u) })
		}
		return func(ctx context.Context) error { return s.each(ctx, parts...) }
	}
	with := func(visit func(context.Context, id.People) error) func(context.Context) error {
		return func(ctx context.Context) error { return visit(ctx, people) }
	}
	return s.each(ctx,
		each(s.profile), each(s.quit),
		func(ctx context.Context) error {
			return s.groups(ctx, func(ctx context.Context, h group.Head) error { return s.inGroup(ctx, h, people) })
		},
		each(s.conversations), with(s.tokens), with(s.connections), each(s.userProgress), with(s.lines))
}

// profile comes first: whoever has no token says nothing new.
func (s *search) profile(ctx context.Context, u id.User) error {
	h, held, err := s.Users.Holding(ctx, u)
	if err == nil && held {
		err = s.found(userDoc(u), Profile, h)
	}
	if err != nil || !s.erase {
		return err
	}
	return s.Users.Erase(ctx, u)
}

// quitAtOnce bounds the groups that one user leaves at the same time.
const quitAtOnce = 16

// quit has a user leave all groups before these are gone through, which takes longer.
func (s *search) quit(ctx context.Context, u id.User) error {
	if !s.erase {
		return nil
	}
	all, err := s.Groups.Of(ctx, u, 0, 0)
	if err != nil {
		return err
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(quitAtOnce)
	for _, g := range all {
		work.Go(func() error { return s.Groups.Quit(ctx, g.ID, []id.User{u}) })
	}
	return work.Wait()
}

func (s *search) inGroup(ctx context.Context, h group.Head, people id.People) error {
	trace, err := s.Groups.TraceOf(ctx, h, people, func(e group.Entry, stays bool) error {
		if !stays {
			s.goes(h, e.Seq, e.At)
		}
		if !people[e.From] {
			e = group.Entry{Seq: e.Seq, At: e.At, Kind: e.Kind, From: e.From, Target: e.Target, TargetAt: e.TargetAt, Type: e.Type}
		}
		return s.found(groupDoc(h.ID), Entry, place(h, e))
	})
	if err != nil {
		return err
	}
	// Who was here before may not have come to the logs.
	for seq, at := range trace.Bare {
		s.goes(h, seq, at)
	}
	for u, m := range trace.Members {
		if err := s.found(groupDoc(h.ID)+"/roster", Membership, struct {
			Group  id.Group     `json:"groupId"`
			User   id.User      `json:"userId"`
			Member group.Member `json:"membership"`
		}{h.ID, u, m}); err != nil {
			return err
		}
	}
	// That they left may have been said by a process whose clock is ahead, and in a
	// search before this one.
	s.mu.Lock()
	s.since = max(s.since, min(h.ActiveAt, s.Now().Add(hourlog.Settled).UnixMilli()))
	s.mu.Unlock()
	if !s.erase {
		return s.Receipts.Answers(ctx, h.ID, people, s.answer(h.ID))
	}
	if err := s.Receipts.EraseFrom(ctx, h.ID, people, trace.Gone, s.answer(h.ID)); err != nil || trace.None() {
		return err
	}
	// Afterwards nothing says that an event about them may be on its way.
	for u := range trace.Members {
		if err := s.entomb(ctx, u); err != nil {
			return err
		}
	}
	return s.Groups.EraseFrom(ctx, trace)
}

// goes takes note of a message that is in no timeline any more, if a log may have it.
func (s *search) goes(h group.Head, seq, at int64) {
	if s.Now().Sub(time.UnixMilli(at)) < hourlog.Kept+24*time.Hour {
		s.mu.Lock()
		s.gone[id.NewMessage(h.Serial, seq)] = true
		s.mu.Unlock()
	}
}

// entomb leaves a document of a user of whom there may be none yet.
func (s *search) entomb(ctx context.Context, u id.User) error {
	s.mu.Lock()
	done, since := s.entombed[u], s.since
	s.mu.Unlock()
	if done {
		return nil
	}
	err := s.Conversations.Entomb(ctx, u, since)
	s.mu.Lock()
	s.entombed[u] = err == nil
	s.mu.Unlock()
	return err
}

// answer tells of what was read in a group.
func (s *search) answer(g id.Group) func(receipt.Answer) error {
	return func(a receipt.Answer) error {
		return s.found(groupDoc(g)+"/receipts", Receipt, struct {
			Group id.Group `json:"groupId"`
			Seq   int64    `json:"seq"`
			User  id.User  `json:"userId"`
			At    int64    `json:"at"`
		}{g, a.Seq, a.User, a.At})
	}
}

func (s *search) conversations(ctx context.Context, u id.User) error {
	list, err := s.Conversations.List(ctx, u)
	if err == nil && !list.None() {
		err = s.found(userDoc(u)+"/state/0", Conversations, list)
	}
	if err != nil || !s.erase {
		return err
	}
	return s.Conversations.Erase(ctx, u, s.since)
}

func (s *search) tokens(ctx context.Context, people id.People) error {
	claims := s.Users.Claims
	if s.erase {
		claims = s.Users.EraseClaims
	}
	return claims(ctx, people, func(path string) error { return s.found(path, Token, nil) })
}

func (s *search) connections(ctx context.Context, people id.People) error {
	has := s.Presence.Has
	if s.erase {
		has = s.Presence.Erase
	}
	return has(ctx, people, func(instance string, u id.User) error { return s.found("presence/"+instance, Connection, u) })
}

func (s *search) userProgress(ctx context.Context, u id.User) error {
	return s.progress(ctx, userDoc(u))
}

func (s *search) progress(ctx context.Context, document string) error {
	tasks, err := retention.At(ctx, s.Store, document)
	if err != nil {
		return err
	}
	for _, path := range tasks {
		if err := s.found(path, Progress, nil); err != nil {
			return err
		}
	}
	if !s.erase || len(tasks) == 0 {
		return nil
	}
	return retention.Forget(ctx, s.Store, document)
}

// lines come last: no file is made of what was erased already.
func (s *search) lines(ctx context.Context, people id.People) error {
	return s.log(ctx, func(l hourlog.Line) []byte {
		if people[l.From] || s.gone[l.UID] {
			return nil
		}
		return l.Without(people)
	})
}

// log finds the lines of hourly logs of which change makes something else, and nothing
// is nil.
func (s *search) log(ctx context.Context, change func(hourlog.Line) []byte) error {
	err := s.Logs.Lines(ctx, func(l hourlog.Line) error {
		switch out := change(l); {
		case out == nil:
			return s.found("log "+l.Hour, LogLine, string(l.Text))
		case !bytes.Equal(out, l.Text):
			return s.found("log "+l.Hour, LogLine, l.UID)
		}
		return nil
	})
	if !s.erase || s.over(ctx, nil) {
		return err
	}
	return errors.Join(err, s.Logs.Erase(ctx, change))
}
