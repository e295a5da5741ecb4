package user_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/notify"
	"github.com/throng-im/throng/shared/user"
)

// TestDevicesAreToldOfSettings holds that each change is announced as it is, and
// once more where the announcement failed; and that other changes are not.
func TestDevicesAreToldOfSettings(t *testing.T) {
	store, deaf := new(commit.Memory), false
	var told []event.Conversation
	groups := group.New(store, func(context.Context, ...[]byte) error { return nil }, group.Options{Linger: -1})
	users := user.New(store, groups, func(_ context.Context, payloads ...[]byte) error {
		if deaf {
			return errors.New("nobody listens")
		}
		var ev event.Conversation
		err := json.Unmarshal(payloads[0], &ev)
		told = append(told, ev)
		return err
	}, 0, time.Now)

	ctx := t.Context()
	mentions := notify.Mentions
	quiet := notify.Quiet{Start: "22:00:00", Minutes: 60, Level: notify.Nothing, Zone: "Europe/Berlin"}
	for _, c := range []struct {
		what   string
		change func() error
		says   string
	}{
		{"a level", func() error { return users.SetLevel(ctx, "ann", "g", notify.Nothing) },
			`{"settings":{"version":1,"notify":{"group":0},"quietHours":null,"conversations":{"g":5}}}`},
		{"a type's level", func() error { return users.SetTypeLevel(ctx, "ann", mentions) },
			`{"settings":{"version":2,"notify":{"group":1},"quietHours":null,"conversations":{"g":5}}}`},
		{"all at once", func() error { return users.Configure(ctx, "ann", user.Wishes{Type: new(notify.Level), Quiet: &quiet}) },
			`{"settings":{"version":3,"notify":{"group":0},"quietHours":{"start":"22:00:00","minutes":60,"timeZone":"Europe/Berlin","level":5},"conversations":{"g":5}}}`},
		{"no quiet hours", func() error { return users.ClearQuiet(ctx, "ann") },
			`{"settings":{"version":4,"notify":{"group":0},"quietHours":null,"conversations":{"g":5}}}`},
		{"no level", func() error { return users.SetLevel(ctx, "ann", "g", notify.Unset) },
			`{"settings":{"version":5,"notify":{"group":0},"quietHours":null,"conversations":{}}}`},
	} {
		told, deaf = nil, true
		if err := c.change(); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s that nobody heard of: %v", c.what, err)
		}
		deaf = false
		if err := c.change(); err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		if len(told) != 1 || told[0].User != "ann" || string(told[0].Update) != c.says {
			t.Errorf("%s: devices were told %+v", c.what, told)
		}
		set, err := users.Settings(ctx, "ann")
		if encoded, _ := json.Marshal(map[string]any{"settings": set}); err != nil || string(encoded) != c.says || set.Version != told[0].Settings {
			t.Errorf("%s: stored is %s, %v", c.what, encoded, err)
		}
	}
	told = nil
	if err := users.PutDevice(ctx, "ann", user.Device{ID: "d", Platform: "web", Token: "t"}); err != nil || len(told) > 0 {
		t.Errorf("a device: devices were told %+v, %v", told, err)
	}
	for what, w := range map[string]user.Wishes{"level": {Type: ptr(notify.Level(3))}, "quiet hours": {Quiet: &notify.Quiet{Start: "noon", Minutes: 1}}} {
		if err := users.Configure(ctx, "ann", w); !fault.Is(err, fault.InvalidArgument) {
			t.Errorf("a bad %s: %v", what, err)
		}
	}
}

func ptr[T any](v T) *T { return &v }
