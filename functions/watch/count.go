package watch

import (
	"context"
	"time"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/pubsub"
)

// tellCount has a group's members told how many messages of a burst did not notify
// one by one, once all that the event stands for has been said: a message that was
// sent by then is committed a margin later.
func (f *function) tellCount(ctx context.Context, ev event.Watch) error {
	if f.now().Before(time.UnixMilli(ev.At).Add(margin)) {
		return pubsub.ErrLater
	}
	return f.Groups.AnnounceFold(ctx, ev.Group)
}
