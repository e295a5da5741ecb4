// Package privacy finds, hands out and erases all that is kept of users or of a group:
// what a privacy law asks.
//
// Nothing says where a user is named, for that would be written with every message.
// So a search goes through everything: each group with its timeline, roster and
// receipts, and then what is kept by user, token and instance, and the hourly logs. To
// search for several users at once costs little more than for one. Erasing is the same
// search, which takes what it finds; it may be stopped at any point and repeated, and
// while it works others go on.
//
// What is left are tombstones: places in timelines that keep the count right, when a
// user's tokens ended and since when nothing old is copied, and for a group the head
// that goes on counting where the group was.
package privacy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/hourlog"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/presence"
	"github.com/throng-im/throng/shared/receipt"
	"github.com/throng-im/throng/shared/user"
)

// page is how many users' documents are listed at a time, groupPage how many groups,
// whose heads are larger. A user's may be a megabyte.
var page, groupPage = 100, 32

// groupsAtOnce bounds the groups that are gone through at the same time.
const groupsAtOnce = 8

// Options are what a search goes through.
type Options struct {
	Store         commit.Store
	Groups        *group.Groups
	Users         *user.Users
	Conversations *conversation.Conversations
	Receipts      *receipt.Receipts
	Presence      *presence.Board
	Logs          *hourlog.Logs
	Now           func() time.Time
	// Found, if set, is told of everything that is found, one after the other; an
	// error ends the search.
	Found func(Finding) error
}

// The kinds of findings.
const (
	Profile       = "profile"       // of a user: name, devices, settings
	Conversations = "conversations" // what a user made of their conversations
	Conversation  = "conversation"  // what a user made of one
	Level         = "level"         // whether a group notifies a user
	Token         = "token"         // whose a push token is
	Connection    = "connection"    // to an instance of the stream
	Group         = "group"         // what it is called, and is
	Membership    = "membership"    // a record in a roster
	Entry         = "entry"         // of a timeline
	Segment       = "segment"       // of a timeline that is half erased
	Receipt       = "receipt"       // that a user has read a message
	LogLine       = "log line"      // in an hour's file
	Progress      = "progress"      // where retention stands
)

// Finding is something that is kept.
type Finding struct {
	// Where is the document or the log that has it.
	Where string `json:"where"`
	What  string `json:"what"`
	// Data is the thing itself. Of what others said it has not the words.
	Data any `json:"data,omitempty"`
}

// search is one search, which erases what it finds if it is to.
type search struct {
	Options
	erase bool

	mu sync.Mutex
	// gone are entries that were erased a short while after they were made, so that an
	// hourly log may have them.
	gone map[id.Message]bool
	// since is the time up to which nothing is copied again.
	since int64
	// entombed are those of whom there is a document that says so.
	entombed map[id.User]bool
	// untold is the error of who was to be told of a finding.
	untold error
}

func (o Options) search(erase bool) *search {
	if o.Found == nil {
		o.Found = func(Finding) error { return nil }
	}
	return &search{Options: o, erase: erase, gone: map[id.Message]bool{}, entombed: map[id.User]bool{}, since: o.Now().UnixMilli()}
}

func (s *search) found(where, what string, data any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.untold == nil {
		s.untold = s.Found(Finding{where, what, data})
	}
	return s.untold
}

// errorsBorne is how many parts may fail before those that are left are not tried. Few
// that cannot be read must not keep the rest from being found; but where all fails,
// there is nothing to find.
const errorsBorne = 20

// over says whether the parts that are left are not to be tried, after some failed.
func (s *search) over(ctx context.Context, failed []error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return ctx.Err() != nil || s.untold != nil || len(failed) > errorsBorne
}

// each goes through parts that do not need one another, and returns what failed.
func (s *search) each(ctx context.Context, parts ...func(context.Context) error) error {
	var failed []error
	for _, part := range parts {
		if err := part(ctx); err != nil {
			failed = append(failed, err)
		}
		if s.over(ctx, failed) {
			break
		}
	}
	return errors.Join(append(failed, ctx.Err())...)
}

// errOver has no more groups visited.
var errOver = errors.New("over")

// then goes through steps in order.
func then(ctx context.Context, steps ...func(context.Context) error) error {
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// groups visits every group, also where one of them cannot be read.
func (s *search) groups(ctx context.Context, visit func(context.Context, group.Head) error) error {
	var mu sync.Mutex
	var failed []error
	for after := id.Group(""); ; {
		heads, err := s.Groups.All(ctx, after, groupPage)
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		work, visiting := errgroup.WithContext(ctx)
		work.SetLimit(groupsAtOnce)
		for _, h := range heads {
			after = h.ID
			work.Go(func() error {
				err := visit(visiting, h)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					failed = append(failed, fmt.Errorf("%s: %w", groupDoc(h.ID), err))
				}
				if s.over(visiting, failed) {
					return errOver
				}
				return nil
			})
		}
		if work.Wait() != nil || len(heads) < groupPage {
			return errors.Join(append(failed, ctx.Err())...)
		}
	}
}

func groupDoc(g id.Group) string { return "groups/" + id.Document(string(g)) }
func userDoc(u id.User) string   { return "users/" + id.Document(string(u)) }

// placed is an entry with what finds it.
type placed struct {
	Group id.Group    `json:"groupId"`
	UID   id.Message  `json:"messageUID"`
	Entry group.Entry `json:"entry"`
}

func place(h group.Head, e group.Entry) placed {
	return placed{h.ID, id.NewMessage(h.Serial, e.Seq), e}
}
