package presence

import (
	"context"
	"encoding/json"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/id"
)

// Last is the last that an instance said.
type Last struct {
	Instance string
	// Users are connected to it, or were.
	Users []id.User
	// SpokeAt is when it said so, and Until is until when it is believed.
	SpokeAt, Until time.Time

	version time.Time
}

// Last reads what an instance said last, with one read. said is false when it is
// not on the board: it has stopped, or was buried.
func (b *Board) Last(ctx context.Context, instance string) (last Last, said bool, err error) {
	docs, err := b.store.Get(ctx, []string{path(instance)}, "spokeAt", "until", "users")
	if err != nil || !docs[0].Exists() {
		return Last{}, false, err
	}
	at := func(field string) time.Time { ms, _ := docs[0].Fields[field].(int64); return time.UnixMilli(ms) }
	last = Last{Instance: instance, SpokeAt: at("spokeAt"), Until: at("until"), version: docs[0].Version}
	last.Users, err = unpack(docs[0])
	return last, true, err
}

// Bury takes users off the board who are connected to an instance that died, and
// the instance with the last of them. It fails when the instance has spoken since,
// or somebody else has buried some of them. Errors: commit.ErrConflict.
func (b *Board) Bury(ctx context.Context, last *Last, left []id.User) error {
	w := commit.Write{Path: path(last.Instance), If: commit.Condition{Version: last.version}}
	if len(left) == 0 {
		w.Delete = true
	} else {
		packed, err := json.Marshal(left)
		if err != nil {
			return err
		}
		w.Merge, w.Fields = true, commit.Fields{"users": packed}
	}
	version, err := b.store.Commit(ctx, []commit.Write{w})
	if err == nil {
		last.Users, last.version = left, version
	}
	return err
}
