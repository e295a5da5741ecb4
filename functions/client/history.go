package client

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/throng-im/throng/shared/deviceapi"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/message"
	"github.com/throng-im/throng/shared/view"
)

// maxPageBytes is where a page ends early, so that large messages do not fill the
// memory of a process.
const maxPageBytes = 1 << 20

// inHistory says which messages a device finds in history: those that are kept,
// as they are now. A recalled one without its content stands where it was, unless
// it was to leave no notice.
func inHistory(e group.Entry) bool {
	return e.Kind == group.KindMessage && !e.Unpersisted && !(e.Recalled > 0 && e.Delete)
}

// roaming is what the user may see of a group's history. Errors:
// fault.PermissionDenied while the app keeps none in the cloud.
func (f calls) roaming(ctx context.Context, g id.Group, user id.User) (group.HistoryQuery, error) {
	if f.Settings.HistoryMonths == 0 {
		return group.HistoryQuery{}, fault.New(fault.PermissionDenied, "the app keeps no history in the cloud")
	}
	c, err := f.Conversations.Of(ctx, user, g)
	return group.HistoryQuery{
		View: group.View{
			User: user, BeforeJoin: f.Settings.HistoryBeforeJoin, ClearedSeq: c.ClearedSeq, ClearedAt: c.ClearedAt, Deleted: c.Deleted,
			Since: time.Now().AddDate(0, -f.Settings.HistoryMonths, 0).UnixMilli(),
		},
		Targeted: f.Settings.HistoryTargeted, Keeps: inHistory, Bytes: maxPageBytes,
	}, err
}

type historyReply struct {
	Messages []json.RawMessage `json:"messages"`
	More     bool              `json:"more"`
	// Next is what before or after must be for the page that follows, where there
	// is more.
	Next int64 `json:"next,omitempty"`
}

func (f calls) history(ctx context.Context, who caller, r *http.Request) (any, error) {
	g, err := groupOf(r)
	if err != nil {
		return nil, err
	}
	asked, err := readPage(r)
	if err != nil {
		return nil, err
	}
	q, err := f.roaming(ctx, g, who.user)
	if err != nil {
		return nil, err
	}
	asked.into(&q)
	page, err := f.Groups.Messages(ctx, g, q)
	if err != nil {
		return nil, err
	}
	reply := historyReply{Messages: make([]json.RawMessage, len(page.Entries)), More: page.Next > 0, Next: page.Next}
	for i, e := range page.Entries {
		if reply.Messages[i], err = view.Append(nil, page.Serial, e); err != nil {
			return nil, err
		}
	}
	return reply, nil
}

// page is what a device asks of history.
type page struct {
	// from is the bound that is given: before, after, beforeTime, afterTime or none.
	from  string
	at    int64
	limit int
	types []string
}

func readPage(r *http.Request) (page, error) {
	var p page
	query := r.URL.Query()
	for _, bound := range deviceapi.Bounds {
		if !query.Has(bound.Name) {
			continue
		}
		if p.from != "" {
			return page{}, fault.New(fault.InvalidArgument, "%s and %s do not go together", p.from, bound.Name)
		}
		var err error
		if p.at, err = number(r, bound); err != nil {
			return page{}, err
		}
		p.from = bound.Name
	}
	n, err := number(r, deviceapi.Page)
	if err != nil {
		return page{}, err
	}
	p.limit = int(n)
	if types := query.Get("types"); types != "" {
		p.types = strings.Split(types, ",")
		if len(p.types) > deviceapi.MaxTypes {
			return page{}, fault.New(fault.InvalidArgument, "types names %d types, at most %d are allowed", len(p.types), deviceapi.MaxTypes)
		}
		for _, t := range p.types {
			if err := message.CheckType("types", t); err != nil {
				return page{}, err
			}
		}
	}
	return p, nil
}

// number reads a whole number within bounds from the query.
func number(r *http.Request, in deviceapi.Number) (int64, error) {
	query := r.URL.Query()
	if !query.Has(in.Name) {
		return in.Default, nil
	}
	n, err := strconv.ParseInt(query.Get(in.Name), 10, 64)
	if err != nil || n < in.Least || n > in.Most {
		return 0, fault.New(fault.InvalidArgument, "%s is not a whole number from %d to %d", in.Name, in.Least, in.Most)
	}
	return n, nil
}

// into puts what is asked for into a query of what may be seen.
func (p page) into(q *group.HistoryQuery) {
	q.Limit, q.From, q.To = p.limit, 0, math.MaxInt64
	switch p.from {
	case "after":
		q.After = p.at
	case "afterTime":
		q.From = p.at
	default:
		q.Backward, q.From, q.To = true, math.MaxInt64, 0
	}
	switch p.from {
	case "before":
		q.Before = max(p.at, 1)
	case "beforeTime":
		q.From = p.at
	}
	if len(p.types) > 0 {
		q.Keeps = func(e group.Entry) bool { return inHistory(e) && slices.Contains(p.types, e.Type) }
	}
}

func (f calls) message(ctx context.Context, who caller, r *http.Request) (any, error) {
	g, err := groupOf(r)
	if err != nil {
		return nil, err
	}
	q, err := f.roaming(ctx, g, who.user)
	if err != nil {
		return nil, err
	}
	serial, _, _ := uid(r).Parse() // that of the group, where there is such a message
	e, err := f.Groups.Message(ctx, g, uid(r), q)
	if err != nil {
		return nil, err
	}
	shown, err := view.Append(nil, serial, e)
	return json.RawMessage(shown), err
}

// deleteMessages hides messages from the user alone, on all their devices: those
// named, or what was sent before a time. Who is named and is not there, or not
// the user's to see, is passed over.
func (f calls) deleteMessages(ctx context.Context, who caller, r *http.Request) (any, error) {
	var body struct {
		MessageUIDs []id.Message
		BeforeTime  int64
	}
	g, err := begin(r, &body)
	if err != nil {
		return nil, err
	}
	switch {
	case (len(body.MessageUIDs) > 0) == (body.BeforeTime != 0):
		return nil, fault.New(fault.InvalidArgument, "either messageUIDs or beforeTime is required")
	case body.BeforeTime < 0:
		return nil, fault.New(fault.InvalidArgument, "beforeTime is in Unix milliseconds")
	}
	if err := checkUIDs(body.MessageUIDs, deviceapi.MaxDeletes); err != nil {
		return nil, err
	}
	p, err := f.Groups.Place(ctx, g, who.user)
	switch {
	case err != nil:
		return nil, err
	case len(body.MessageUIDs) > 0:
		floor := p.Joined
		if f.Settings.HistoryBeforeJoin {
			floor = 0
		}
		seqs := p.Seqs(body.MessageUIDs)
		if err := f.Conversations.DeleteMessages(ctx, who.user, g, floor, seqs); err != nil || len(seqs) == 0 {
			return empty{}, err
		}
		told := event.Deleted{Group: g}
		for _, seq := range seqs {
			told.Single = append(told.Single, event.DeletedMessage{UID: p.UID(seq)})
		}
		return empty{}, f.tellDeleted(ctx, who, told)
	case body.BeforeTime > p.LastAt:
		// Everything so far is known by its seq: what comes next may be as old.
		err = f.Conversations.Clear(ctx, who.user, g, p.LastSeq, 0)
	default:
		err = f.Conversations.Clear(ctx, who.user, g, 0, body.BeforeTime-1)
	}
	if err != nil {
		return nil, err
	}
	return empty{}, f.tellDeleted(ctx, who, event.Deleted{Group: g, UpTo: body.BeforeTime - 1})
}

// checkUIDs checks a list of messages, of which one that cannot be is an error.
func checkUIDs(uids []id.Message, most int) error {
	if len(uids) > most {
		return fault.New(fault.InvalidArgument, "messageUIDs names %d messages, at most %d are allowed", len(uids), most)
	}
	for _, u := range uids {
		if _, _, ok := u.Parse(); !ok {
			return fault.New(fault.InvalidArgument, "messageUIDs holds something that is no messageUID")
		}
	}
	return nil
}
