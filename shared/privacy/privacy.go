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

// page is how many documents are listed at a time, groupPage how many groups, whose
// heads are larger.
var page, groupPage = 500, 32

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
	// gone are messages that were erased a short while after they were sent, so that
	// an hourly log may have them.
	gone map[id.Message]bool
	// since is the time up to which nothing is copied again.
	since int64
	// unread are the errors of groups that could not be read and were passed over.
	unread []error
}

func (o Options) search(erase bool) *search {
	if o.Found == nil {
		o.Found = func(Finding) error { return nil }
	}
	return &search{Options: o, erase: erase, gone: map[id.Message]bool{}, since: o.Now().UnixMilli()}
}

func (s *search) found(where, what string, data any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Found(Finding{where, what, data})
}

// then goes through steps in order.
func then(ctx context.Context, steps ...func(context.Context) error) error {
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// groups visits every group but those that unread is of.
func (s *search) groups(ctx context.Context, visit func(context.Context, group.Head) error) error {
	for after := id.Group(""); ; {
		heads, err := s.Groups.All(ctx, after, groupPage)
		if err != nil {
			return err
		}
		work, ctx := errgroup.WithContext(ctx)
		work.SetLimit(groupsAtOnce)
		for _, h := range heads {
			if after = h.ID; h.Err != nil {
				s.unread = append(s.unread, h.Err)
				continue
			}
			work.Go(func() error { return visit(ctx, h) })
		}
		if err := work.Wait(); err != nil {
			return err
		}
		if len(heads) < groupPage {
			return nil
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
