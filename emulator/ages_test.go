package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/functions/archive"
	"github.com/throng-im/throng/functions/client"
	"github.com/throng-im/throng/functions/history"
	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/contract/contracttest"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/hourlog"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/inbox"
	"github.com/throng-im/throng/shared/inbox/inboxtest"
	"github.com/throng-im/throng/shared/receipt"
	"github.com/throng-im/throng/shared/retention"
	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/token"
	"github.com/throng-im/throng/shared/user"
)

const ageDay = 24 * time.Hour

// ages is an app on a store in memory, called over HTTP as in production, in a bubble
// of time that passes when everybody waits. Beside it is a list of what was said.
type ages struct {
	*testing.T
	store    commit.Memory
	set      settings.Settings
	cloud    *cloud.Cloud
	handlers map[string]http.Handler
	tokens   map[id.User]string
	// own are the groups' own windows in days, said is what was said in each, read up
	// to where ann has read.
	own  map[id.Group]int
	said map[id.Group][]word
	read map[id.Group]int64
	// away is a device of ann's that comes back now and then, awake one that always does.
	away, awake *ageDevice
	// ticked is when the scheduler's last tick was.
	ticked time.Time
	// removed is how much retention removed, gaps how often a device was told of one.
	removed, gaps int
}

// word is a message as the one who sent it was answered.
type word struct {
	UID id.Message `json:"messageUID"`
	Seq int64      `json:"seq"`
	At  int64      `json:"at"`
}

// ageDevice is what a device keeps of its syncs.
type ageDevice struct {
	cursor string
	had    map[id.Group]int64
}

func newAgeDevice() *ageDevice { return &ageDevice{had: map[id.Group]int64{}} }

var ageGroups = []id.Group{"busy", "quiet", "silent"}

func newAges(t *testing.T, set settings.Settings) *ages {
	w := &ages{T: t, set: set, own: map[id.Group]int{}, said: map[id.Group][]word{}, read: map[id.Group]int64{}, tokens: map[id.User]string{}, away: newAgeDevice(), awake: newAgeDevice()}
	w.set.AppKey, w.set.AppSecret = contracttest.Key, contracttest.Secret
	w.set.Logs = "file://" + t.TempDir() + "?base_url=http://localhost/logs"
	w.opens()
	for _, u := range []id.User{"ann", "bob"} {
		var err error
		w.tokens[u], err = w.cloud.Tokens.Issue(u, 0, false)
		w.ok(err)
	}
	return w
}

// opens begins anew in processes that remember nothing.
func (w *ages) opens() {
	quiet := func(context.Context, ...[]byte) error { return nil }
	c := &cloud.Cloud{Settings: w.set, Tokens: token.New(w.set.AppKey, w.set.AppSecret, time.Now)}
	c.Groups = group.New(&w.store, w.hear, group.Options{Linger: -1})
	c.Users = user.New(&w.store, c.Groups, quiet, 0, time.Now)
	c.Conversations = conversation.New(&w.store, quiet, 0, time.Now)
	c.Receipts = receipt.New(&w.store, quiet, 0, time.Now)
	c.Inbox = inbox.New(c.Groups, c.Users, c.Conversations, inbox.Options{Offline: w.set.OfflineWindow(), HistoryMonths: w.set.HistoryMonths, Now: time.Now})
	w.cloud = c
	w.handlers = map[string]http.Handler{"client": client.Handler(c), "history": history.Handler(c), "archive": archive.Handler(c), "logs": hourlog.Download(w.set.Logs, w.set.AppSecret)}
}

// hear brings the users' copies of memberships up to date, as fan-out does.
func (w *ages) hear(ctx context.Context, payloads ...[]byte) error {
	return inboxtest.Follow(ctx, w.cloud.Inbox, payloads...)
}

func (w *ages) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// calls has a user's device make a call, and returns the status.
func (w *ages) calls(u id.User, method, path, body string, into any) int {
	w.Helper()
	r := httptest.NewRequest(method, "/client/v1"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+w.tokens[u])
	out := httptest.NewRecorder()
	w.handlers["client"].ServeHTTP(out, r)
	if out.Code == http.StatusOK && into != nil {
		w.ok(json.Unmarshal(out.Body.Bytes(), into))
	}
	return out.Code
}

// must is a call that has to succeed.
func (w *ages) must(u id.User, method, path, body string, into any) {
	w.Helper()
	if status := w.calls(u, method, path, body, into); status != http.StatusOK {
		w.Fatalf("%s %s: %s %s was answered with %d", w.about(), u, method, path, status)
	}
}

// says has bob's phone send so many messages, with time between them.
func (w *ages) says(g id.Group, times int, apart time.Duration) {
	w.Helper()
	for range times {
		var sent struct {
			UID           id.Message `json:"messageUID"`
			Seq, SentTime int64
		}
		w.must("bob", "POST", "/groups/"+string(g)+"/messages", fmt.Sprintf(`{"clientId":"%d","type":"RC:TxtMsg","content":"hello"}`, len(w.said[g])), &sent)
		w.said[g] = append(w.said[g], word{sent.UID, sent.Seq, sent.SentTime})
		time.Sleep(apart)
	}
}

// ticks waits for the scheduler, ten minutes past the hour, and has both functions
// that it wakes do what is due, in either order.
func (w *ages) ticks(n int) {
	w.Helper()
	time.Sleep(time.Until(time.Now().Truncate(time.Hour).Add(70 * time.Minute)))
	w.ticked = time.Now()
	for i := range 2 {
		if (i+n)%2 == 0 {
			out := httptest.NewRecorder()
			w.handlers["archive"].ServeHTTP(out, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"message":{"data":"","messageId":"1"}}`)))
			if out.Code != http.StatusNoContent {
				w.Fatalf("%s archive answered %d", w.about(), out.Code)
			}
			continue
		}
		o := w.cloud.Retention()
		o.Store = &w.store
		all, err := retention.Run(w.Context(), o, retention.Budget{})
		w.ok(err)
		for _, task := range all {
			w.removed += task.Removed
		}
	}
}

func (w *ages) about() string { return time.Now().UTC().Format("2006-01-02 15:04") }

// window is from when on devices get what they missed of a group, history from when
// on it is in history.
func (w *ages) window(g id.Group) int64 {
	return time.Now().AddDate(0, 0, -cmp.Or(w.own[g], w.set.OfflineDays)).UnixMilli()
}

func (w *ages) history() int64 { return time.Now().AddDate(0, -w.set.HistoryMonths, 0).UnixMilli() }

// since are the messages of a group from a time on and behind a seq.
func (w *ages) since(g id.Group, at, behind int64) []word {
	var some []word
	for _, m := range w.said[g] {
		if m.At >= at && m.Seq > behind {
			some = append(some, m)
		}
	}
	return some
}

// same compares what a door shows with what it should.
func (w *ages) same(door string, g id.Group, got, want []word) {
	w.Helper()
	if !slices.Equal(got, want) {
		w.Fatalf("%s %s: %s shows %s, not %s", w.about(), g, door, spanOf(got), spanOf(want))
	}
}

func spanOf(some []word) string {
	if len(some) == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%d messages from %d to %d", len(some), some[0].Seq, some[len(some)-1].Seq)
}

// TestTimePassesAtEveryDoor has eight days, seven months and three years pass, and after
// each step compares what every call tells with what was said. What is over is at no
// door, whether it was removed or not, and who lacks something of it is told.
func TestTimePassesAtEveryDoor(t *testing.T) {
	quiet := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	defer slog.SetDefault(quiet)
	// What packages make once and for all must not belong to a bubble.
	first := newAges(t, settings.Settings{OfflineDays: 1, HistoryMonths: 1})
	first.begins(nil)
	first.says("busy", 100, 2*time.Millisecond)
	first.reads("busy")
	first.looks(0)
	for name, c := range map[string]struct {
		set          settings.Settings
		step, passes time.Duration
		own          map[id.Group]int
	}{
		"eight days, a window of one, no history":   {settings.Settings{OfflineDays: 1}, 7 * time.Hour, 8 * ageDay, map[id.Group]int{"busy": 3, "quiet": 2}},
		"eight days, a window of seven and history": {settings.Settings{OfflineDays: 7, HistoryMonths: 6}, 13 * time.Hour, 9 * ageDay, map[id.Group]int{"quiet": 1}},
		"seven months, history of six":              {settings.Settings{OfflineDays: 7, HistoryMonths: 6}, 10 * ageDay, 215 * ageDay, map[id.Group]int{"quiet": 1}},
		"seven months, no history":                  {settings.Settings{OfflineDays: 3}, 6 * ageDay, 215 * ageDay, map[id.Group]int{"busy": 7}},
		"three years, history of three":             {settings.Settings{OfflineDays: 7, HistoryMonths: 36}, 75 * ageDay, 1200 * ageDay, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Date(2026, 11, 24, 9, 40, 0, 0, time.UTC)))
				w := newAges(t, c.set)
				w.begins(c.own)
				for n, end := 0, time.Now().Add(c.passes); time.Now().Before(end); n++ {
					w.passes(n, c.step)
				}
				if old := time.Now().AddDate(0, -c.set.HistoryMonths, -c.set.OfflineDays); (w.removed > 0) != (w.said["busy"][0].At < old.UnixMilli()) || w.gaps == 0 {
					t.Errorf("%d segments were removed and devices were told of %d gaps", w.removed, w.gaps)
				}
			})
		})
	}
}

// begins makes the groups, some with windows of their own.
func (w *ages) begins(own map[id.Group]int) {
	w.Helper()
	for _, g := range ageGroups {
		w.ok(w.cloud.Groups.Join(w.Context(), g, []id.User{"ann", "bob"}, ""))
		w.says(g, 20, 2*time.Millisecond)
		if w.own[g] = own[g]; w.own[g] > 0 {
			w.ok(w.cloud.Groups.SetOffline(w.Context(), g, w.own[g]))
		}
	}
}

// passes is one step: time passes, something is said, and everything is looked at.
func (w *ages) passes(n int, step time.Duration) {
	w.Helper()
	begin := time.Now()
	w.says("busy", 30, 3*time.Minute) // over an hour's edge
	if n%4 == 0 {
		w.says("quiet", 9, time.Second)
	}
	if n%3 == 2 {
		w.opens()
	}
	w.ticks(n)
	if n%5 == 4 {
		w.reads("quiet")
	}
	w.looks(n)
	time.Sleep(time.Until(begin.Add(step)))
	w.looks(n + 1)
}

func (w *ages) reads(g id.Group) {
	w.Helper()
	w.read[g] = w.said[g][len(w.said[g])-1].Seq
	w.must("ann", "POST", "/groups/"+string(g)+"/read", fmt.Sprintf(`{"seq":%d}`, w.read[g]), nil)
}
