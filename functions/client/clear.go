package client

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/id"
)

const (
	// A user's devices are told to clear a group clearBurst times at once and then
	// every clearEvery: whoever scrolls through what is new reads up to here, to
	// there and to the end. What is held back is cleared with what is read next.
	clearEvery = 5 * time.Second
	clearBurst = 3
	// clearedGroups is how many counts a process keeps.
	clearedGroups = 1 << 14
	// clearTimeout bounds how long the answer to a call waits for Pub/Sub: what is
	// on other screens is not worth more.
	clearTimeout = 2 * time.Second
)

// readOn says that a user has read a group up to seq on a device, which may be
// unknown.
type readOn struct {
	user   id.User
	device id.Device
	group  id.Group
	seq    int64
}

// clears has what a user read on one device taken off the screens of the others,
// where the app wants it.
type clears struct {
	*cloud.Cloud
	publish event.Publisher
	now     func() time.Time
	paces   *lru.Cache[clearKey, *rate.Limiter]
}

type clearKey struct {
	user  id.User
	group id.Group
}

func newClears(c *cloud.Cloud, publish event.Publisher, now func() time.Time) *clears {
	paces, _ := lru.New[clearKey, *rate.Limiter](clearedGroups) // fails for a size of zero only
	return &clears{c, publish, now, paces}
}

// elsewhere publishes a push job for the user's other devices; FCM is somebody
// else's business, and later. It costs a read, of the devices. The position has
// moved, so a failure is nobody's but the log's.
func (c *clears) elsewhere(ctx context.Context, r readOn) {
	if !c.Settings.Notifications.ClearRead || !c.admit(clearKey{r.user, r.group}) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, clearTimeout)
	defer cancel()
	if err := c.tell(ctx, r); err != nil {
		slog.WarnContext(ctx, "the other devices were not told what was read", "user", r.user, "group", r.group, "seq", r.seq, "error", err)
	}
}

func (c *clears) admit(k clearKey) bool {
	pace, known := c.paces.Get(k)
	if !known {
		pace = rate.NewLimiter(rate.Every(clearEvery), clearBurst)
		if first, known, _ := c.paces.PeekOrAdd(k, pace); known {
			pace = first
		}
	}
	return pace.AllowN(c.now(), 1)
}

func (c *clears) tell(ctx context.Context, r readOn) error {
	profiles, err := c.Users.Profiles(ctx, []id.User{r.user})
	if err != nil {
		return err
	}
	job := event.Push{Job: fmt.Sprintf("clear/%s/%s/%d", r.user, r.group, r.seq), Kind: event.PushClear, Group: r.group, Seq: r.seq, At: c.now().UnixMilli()}
	for _, d := range profiles[r.user].Targets(r.group).Devices {
		if d.ID != r.device {
			job.Targets = append(job.Targets, event.PushTarget{User: r.user, Device: d.ID, Platform: d.Platform, Token: d.Token, Language: d.Language})
		}
	}
	if len(job.Targets) == 0 {
		return nil
	}
	return event.Publish(ctx, c.publish, event.TopicPush, job)
}
