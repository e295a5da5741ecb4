package conversations

import (
	"context"
	"time"

	"github.com/throng-im/throng/shared/contract"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/notify"
	"github.com/throng-im/throng/shared/wire"
)

// levelOf reads the level that a call sets. isMuted is the older way to say it.
// One SDK sends it with an unpushLevel of 0 beside it unless its user chose
// another, so a 0 there says no more than none: isMuted=1 is then level 5.
func levelOf(a *wire.Args) (notify.Level, error) {
	if !a.Has("isMuted") && !a.Has("unpushLevel") {
		return notify.Unset, fault.New(fault.InvalidArgument, "unpushLevel is required, or isMuted")
	}
	level := notify.Level(a.Int("unpushLevel", int(notify.Unset)))
	if level == notify.Unset && a.Bool("isMuted") {
		level = notify.Nothing
	}
	return level, level.Check("unpushLevel")
}

func (f calls) setLevel(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	g, err := target(a)
	if err != nil {
		return nil, err
	}
	level, err := levelOf(a)
	if err != nil {
		return nil, err
	}
	return nil, f.users.SetLevel(ctx, a.User("requestId"), g, level)
}

// The replies carry the level under the older name.

func (f calls) level(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	g, err := target(a)
	if err != nil {
		return nil, err
	}
	level, err := f.users.Level(ctx, a.User("requestId"), g)
	return wire.Reply{"isMuted": level}, err
}

func (f calls) setTypeLevel(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	if err := contract.GroupsOnly(a.Int("conversationType", 0)); err != nil {
		return nil, err
	}
	level := notify.Level(a.Int("unpushLevel", int(notify.Unset)))
	if err := level.Check("unpushLevel"); err != nil {
		return nil, err
	}
	return nil, f.users.SetTypeLevel(ctx, a.User("requestId"), level)
}

func (f calls) typeLevel(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	if err := contract.GroupsOnly(a.Int("conversationType", 0)); err != nil {
		return nil, err
	}
	level, err := f.users.TypeLevel(ctx, a.User("requestId"))
	return wire.Reply{"isMuted": level}, err
}

func (f calls) setQuiet(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	minutes := a.Int("period", 0)
	q := notify.Quiet{
		Start: a.Text("startTime"), Minutes: max(minutes, 1), Zone: f.zone.String(),
		Level: notify.Level(a.Int("level", int(notify.Mentions))),
	}
	if err := q.Check(); err != nil {
		return nil, err
	}
	if minutes == 0 {
		return f.clearQuiet(ctx, a)
	}
	return nil, f.users.SetQuiet(ctx, a.User("userId"), q)
}

func (f calls) quiet(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	q, err := f.users.Quiet(ctx, a.User("userId"))
	if err != nil {
		return nil, err
	}
	var out struct {
		Start   string       `json:"startTime"`
		Minutes int          `json:"period"`
		Level   notify.Level `json:"unPushLevel"`
	}
	if q != nil {
		out.Start, out.Minutes, out.Level = q.StartIn(f.zone, time.Now()), q.Minutes, q.Level
	}
	return wire.Reply{"data": out}, nil
}

func (f calls) clearQuiet(ctx context.Context, a *wire.Args) (wire.Reply, error) {
	return nil, f.users.ClearQuiet(ctx, a.User("userId"))
}
