package client

import (
	"context"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"github.com/throng-im/throng/shared/deviceapi"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/receipt"
)

func (f calls) askReceipts(ctx context.Context, who caller, r *http.Request) (any, error) {
	var body struct{ ClientID string }
	g, err := begin(r, &body)
	if err != nil {
		return nil, err
	}
	if err := checkKey(body.ClientID); err != nil {
		return nil, err
	}
	return done(f.Groups.AskReceipts(ctx, g, uid(r), f.actor(who), body.ClientID))
}

// haveRead notes that the user has read messages. Those that ask for no receipts,
// are the user's own or not theirs to see are passed over.
func (f calls) haveRead(ctx context.Context, who caller, r *http.Request) (any, error) {
	var body struct{ MessageUIDs []id.Message }
	g, err := begin(r, &body)
	if err != nil {
		return nil, err
	}
	if len(body.MessageUIDs) == 0 {
		return nil, fault.New(fault.InvalidArgument, "messageUIDs is required")
	}
	if err := checkUIDs(body.MessageUIDs, deviceapi.MaxReads); err != nil {
		return nil, err
	}
	asked, err := f.Groups.Awaiting(ctx, g, f.actor(who), body.MessageUIDs)
	if err != nil {
		return nil, err
	}
	messages := make([]receipt.Message, len(asked.Entries))
	for i, e := range asked.Entries {
		messages[i] = receipt.Message{Group: g, Seq: e.Seq, UID: asked.UID(e.Seq), From: e.From}
	}
	return empty{}, f.Receipts.Read(ctx, who.user, messages...)
}

type readersReply struct {
	Read []reader `json:"read"`
	// Unread counts who has not read the message and was meant to.
	Unread int  `json:"unread"`
	More   bool `json:"more"`
	// Cursor leads to the next page, where there is more.
	Cursor string `json:"cursor,omitempty"`
}

type reader struct {
	User id.User `json:"userId"`
	At   int64   `json:"at"`
}

func (f calls) readers(ctx context.Context, who caller, r *http.Request) (any, error) {
	g, err := groupOf(r)
	if err != nil {
		return nil, err
	}
	limit, err := number(r, deviceapi.Readers)
	if err != nil {
		return nil, err
	}
	var last receipt.Reader
	if text := r.URL.Query().Get("cursor"); text != "" {
		if last, err = parseCursor(text); err != nil {
			return nil, err
		}
	}
	e, meant, err := f.Groups.Audience(ctx, g, uid(r), f.actor(who))
	if err != nil {
		return nil, err
	}
	read, err := f.Receipts.Of(ctx, g, e.Seq)
	if err != nil {
		return nil, err
	}
	have := make(map[id.User]bool, len(read))
	for _, one := range read {
		have[one.User] = true
	}
	reply := readersReply{Read: []reader{}}
	for _, u := range meant {
		if !have[u] {
			reply.Unread++
		}
	}
	rest := receipt.After(read, last)
	if reply.More = len(rest) > int(limit); reply.More {
		rest = rest[:limit]
		reply.Cursor = cursorOf(rest[limit-1])
	}
	for _, one := range rest {
		reply.Read = append(reply.Read, reader(one))
	}
	return reply, nil
}

// cursorOf is an opaque text for the place behind a reader.
func cursorOf(r receipt.Reader) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(r.At, 10) + " " + string(r.User)))
}

func parseCursor(text string) (receipt.Reader, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	at, user, _ := strings.Cut(string(raw), " ")
	n, nerr := strconv.ParseInt(at, 10, 64)
	if err != nil || nerr != nil || id.Valid("cursor", user) != nil {
		return receipt.Reader{}, fault.New(fault.InvalidArgument, "cursor is none that this call has given")
	}
	return receipt.Reader{User: id.User(user), At: n}, nil
}
