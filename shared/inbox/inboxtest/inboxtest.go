// Package inboxtest stands for fan-out in tests of what keeps copies of memberships.
package inboxtest

import (
	"context"
	"encoding/json"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/inbox"
)

// Follow brings the users' copies of memberships up to date with what a group's
// events say.
func Follow(ctx context.Context, in *inbox.Inbox, payloads ...[]byte) error {
	for _, p := range payloads {
		var ev event.Timeline
		if err := json.Unmarshal(p, &ev); err != nil {
			return err
		}
		entries, err := group.DecodeEntries(ev.Entries)
		if err != nil {
			return err
		}
		if err := in.Follow(ctx, &ev, entries); err != nil {
			return err
		}
	}
	return nil
}
