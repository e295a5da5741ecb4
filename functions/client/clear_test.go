package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/functions/client"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/user"
)

// desk is where ann reads what is in the group: she has a phone and a tablet, and
// perhaps more, and the app has notifications cleared or not.
type desk struct {
	*phone
	mu   sync.Mutex
	jobs []event.Push
	deaf bool
	// clock stands still until somebody waits.
	clock time.Time
}

func newDesk(t *testing.T, clear bool, devices ...id.Device) *desk {
	t.Helper()
	d := &desk{clock: time.UnixMilli(1_800_000_000_000), phone: openWith(t, settings.Settings{HistoryMonths: 6, Notifications: settings.Notifications{ClearRead: clear}})}
	d.Handler = client.HandlerPublishing(d.Cloud, d.take, func() time.Time { return d.clock })
	for _, of := range devices {
		d.ok(d.Users.PutDevice(t.Context(), "ann", user.Device{ID: of, Platform: "ios", Token: "token of " + string(of), Language: "de"}))
	}
	for range 20 {
		_, err := d.Groups.Publish(t.Context(), "g", group.Entry{From: "bob", Type: "RC:TxtMsg", Content: "{}"})
		d.ok(err)
	}
	// The copy of the membership is there, so that what is counted is the reading.
	d.reads(`{"seq":1}`)
	d.jobs = nil
	return d
}

// reads makes the call, or takes a break of five seconds.
func (d *desk) reads(body string) {
	d.Helper()
	if body == "" {
		d.clock = d.clock.Add(5 * time.Second)
		return
	}
	d.must("POST", "/groups/g/read", body, &struct{}{})
}

func (d *desk) take(_ context.Context, topic string, payloads ...[]byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.deaf {
		return errors.New("nobody takes it")
	}
	for _, p := range payloads {
		var j event.Push
		if err := json.Unmarshal(p, &j); err != nil || topic != event.TopicPush {
			d.Errorf("%s was told %s: %v", topic, p, err)
		}
		d.jobs = append(d.jobs, j)
	}
	return nil
}

// cleared is up to where which devices were told to clear.
func (d *desk) cleared() (out []string) {
	for _, j := range d.jobs {
		if j.Kind != event.PushClear || j.Group != "g" || j.Job == "" || j.At == 0 || j.MessageUID != "" || j.Body != "" {
			d.Errorf("the job is %+v", j)
		}
		for _, t := range j.Targets {
			if t.User != "ann" || t.Token != "token of "+string(t.Device) || t.Platform != "ios" || t.Language != "de" {
				d.Errorf("the device is %+v", t)
			}
			out = append(out, fmt.Sprint(t.Device, " ", j.Seq))
		}
	}
	slices.Sort(out)
	return out
}

// TestWhatIsReadIsClearedElsewhere reads on one device and looks at what the others
// are told.
func TestWhatIsReadIsClearedElsewhere(t *testing.T) {
	for _, c := range []struct {
		what    string
		clear   bool
		devices []id.Device
		calls   []string
		want    []string
	}{
		{"one device of two", true, []id.Device{"phone", "tablet"}, []string{`{"seq":5,"deviceId":"phone"}`}, []string{"tablet 5"}},
		{"a device that does not say which", true, []id.Device{"phone", "tablet"}, []string{`{"seq":5}`}, []string{"phone 5", "tablet 5"}},
		{"an only device", true, []id.Device{"phone"}, []string{`{"seq":5,"deviceId":"phone"}`}, nil},
		{"a browser that takes no pushes", true, []id.Device{"phone"}, []string{`{"seq":5,"deviceId":"browser"}`}, []string{"phone 5"}},
		{"nobody has a device", true, nil, []string{`{"seq":5}`}, nil},
		{"no further than before", true, []id.Device{"phone"}, []string{`{"seq":1}`, `{"seq":5}`, `{"seq":5}`, `{"seq":3}`}, []string{"phone 5"}},
		{"further than there is", true, []id.Device{"phone"}, []string{`{"seq":900}`}, []string{"phone 21"}},
		{"on and on", true, []id.Device{"phone"}, []string{`{"seq":2}`, `{"seq":3}`, `{"seq":4}`, `{"seq":5}`}, []string{"phone 2", "phone 3"}},
		{"on and on, with a break", true, []id.Device{"phone"}, []string{`{"seq":2}`, `{"seq":3}`, `{"seq":4}`, "", `{"seq":5}`, `{"seq":6}`}, []string{"phone 2", "phone 3", "phone 5"}},
		{"the app does not want it", false, []id.Device{"phone"}, []string{`{"seq":5}`}, nil},
	} {
		d := newDesk(t, c.clear, c.devices...)
		for _, body := range c.calls {
			d.reads(body)
		}
		if got := d.cleared(); !slices.Equal(got, c.want) {
			t.Errorf("%s: told to clear are %q, want %q", c.what, got, c.want)
		}
	}
}

// TestClearingCostsOneRead holds what it costs to have other devices cleared, and
// that it costs nothing where the app does not want it.
func TestClearingCostsOneRead(t *testing.T) {
	for clear, reads := range map[bool]int{false: 2, true: 3} {
		d := newDesk(t, clear, "phone", "tablet")
		d.store.reads, d.store.writes = 0, 0
		d.reads(`{"seq":5,"deviceId":"phone"}`)
		if d.store.reads != reads || d.store.writes != 1 || (len(d.jobs) == 1) != clear {
			t.Errorf("cleared: %v, for %d reads and %d writes, with %d jobs", clear, d.store.reads, d.store.writes, len(d.jobs))
		}
	}
}

// TestReadingDoesNotDependOnClearing: the position moves whether or not anybody can
// be told.
func TestReadingDoesNotDependOnClearing(t *testing.T) {
	d := newDesk(t, true, "phone")
	d.deaf = true
	d.reads(`{"seq":5}`)
	if c, err := d.Conversations.Of(t.Context(), "ann", "g"); err != nil || c.ReadSeq != 5 || len(d.jobs) > 0 {
		t.Errorf("%+v, %v, %d jobs", c, err, len(d.jobs))
	}
}
