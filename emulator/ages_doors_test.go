package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/throng-im/throng/shared/contract/contracttest"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/hourlog"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/inbox"
)

// looks compares every door with what was said.
func (w *ages) looks(n int) {
	w.Helper()
	w.syncs("a new device", newAgeDevice())
	w.syncs("a device that comes at every step", w.awake)
	if n%9 == 8 {
		w.syncs("a device that was away", w.away)
	}
	for _, g := range ageGroups {
		w.unread(g)
		w.devicePages(g)
		w.serverPages(g)
	}
	w.list()
	w.logs()
}

// syncs has a device synchronise until it has everything, and compares what it gets.
func (w *ages) syncs(who string, d *ageDevice) {
	w.Helper()
	before, got, from := maps.Clone(d.had), map[id.Group][]word{}, map[id.Group]int64{}
	for more := true; more; {
		var a inbox.Answer
		body, err := json.Marshal(map[string]any{"cursor": d.cursor, "groups": d.had, "limit": inbox.MaxLimit})
		w.ok(err)
		w.must("ann", "POST", "/sync", string(body), &a)
		for _, part := range a.Groups {
			for _, raw := range part.Entries {
				var e struct {
					word
					Kind group.Kind `json:"kind"`
				}
				if w.ok(json.Unmarshal(raw, &e)); e.Kind == group.KindMessage {
					got[part.ID] = append(got[part.ID], e.word)
				}
			}
			from[part.ID], d.had[part.ID] = max(part.From, from[part.ID]), part.LastSeq
			if want := len(w.since(part.ID, w.window(part.ID), w.read[part.ID])); part.Unread != min(want, inbox.MaxUnread) {
				w.Fatalf("%s %s: a sync says that %d are unread, not %d", w.about(), part.ID, part.Unread, want)
			}
		}
		d.cursor, more = a.Cursor, a.More
	}
	for _, g := range ageGroups {
		want := w.since(g, w.window(g), before[g])
		w.same("the sync of "+who, g, got[g], want)
		w.honest(who, g, w.since(g, 0, before[g]), want, from[g])
	}
}

// honest holds what a device is told that is missing: everything between what it had
// and what it got, and nothing where it got all of it.
func (w *ages) honest(who string, g id.Group, lacked, got []word, from int64) {
	w.Helper()
	lost := len(lacked) - len(got)
	switch {
	case lost == 0 && from == 0:
	case lost > 0 && from > lacked[lost-1].Seq && (len(got) == 0 || from <= got[0].Seq):
		w.gaps++
	default:
		w.Fatalf("%s %s: %s lacks %s, got %s, and is told that entries before %d are missing", w.about(), g, who, spanOf(lacked), spanOf(got), from)
	}
}

func (w *ages) unread(g id.Group) {
	w.Helper()
	var all inbox.Unread
	w.must("ann", "GET", "/groups/"+string(g)+"/unread", "", &all)
	want, first := w.since(g, w.window(g), w.read[g]), int64(0)
	if len(want) > 0 {
		first = want[max(0, len(want)-inbox.MaxUnread)].Seq
	}
	if all.Count != min(len(want), inbox.MaxUnread) || len(want) <= inbox.MaxUnread && all.FirstUnread != first {
		w.Fatalf("%s %s: %d are unread from %d on, not %s", w.about(), g, all.Count, all.FirstUnread, spanOf(want))
	}
}

// devicePages reads history as a device does, from the newest back and from the oldest
// on, and asks for the messages on either side of where it begins.
func (w *ages) devicePages(g id.Group) {
	w.Helper()
	path := "/groups/" + string(g) + "/messages"
	if w.set.HistoryMonths == 0 {
		if status := w.calls("ann", "GET", path, "", nil); status != http.StatusForbidden {
			w.Fatalf("%s %s: a device that asks for history is answered %d", w.about(), g, status)
		}
		return
	}
	want := w.since(g, w.history(), 0)
	for _, bound := range []string{"before", "after"} {
		var got []word
		query := "?limit=100"
		if bound == "after" {
			query += "&after=0"
		}
		for query != "" {
			var page struct {
				Messages []word
				Next     int64
			}
			w.must("ann", "GET", path+query, "", &page)
			got, query = append(got, page.Messages...), ""
			if page.Next > 0 {
				query = fmt.Sprintf("?limit=100&%s=%d", bound, page.Next)
			}
		}
		if bound == "before" {
			slices.Reverse(got)
		}
		w.same("a device's history", g, got, want)
	}
	for i, m := range w.said[g] {
		if begin := len(w.said[g]) - len(want); i != begin && i != begin-1 {
			continue
		}
		status := w.calls("ann", "GET", path+"/"+string(m.UID), "", nil)
		if (status == http.StatusOK) != (m.At >= w.history()) {
			w.Fatalf("%s %s: whoever asks for message %d is answered %d", w.about(), g, m.Seq, status)
		}
	}
}

// serverPages reads history as the app's server does.
func (w *ages) serverPages(g id.Group) {
	w.Helper()
	var got []word
	for from, first := int64(0), true; ; first = false {
		body := fmt.Sprintf(`{"userId":"ann","targetId":%q,"startTime":%d,"endTime":%d,"pageSize":100,"includeStart":%v}`, g, from, time.Now().UnixMilli(), first)
		_, raw := contracttest.Call(w.T, w.handlers["history"], http.MethodPost, "/v3/message/group/query.json", body)
		var page struct {
			Code int
			Data []struct {
				UID id.Message `json:"messageUID"`
				At  int64      `json:"msgTime"`
			}
		}
		w.ok(json.Unmarshal(raw, &page))
		if w.set.HistoryMonths == 0 {
			if page.Code != 1009 {
				w.Fatalf("%s %s: a server that asks for history is answered %s", w.about(), g, raw)
			}
			return
		}
		for _, m := range page.Data {
			_, seq, _ := m.UID.Parse()
			got = append(got, word{m.UID, seq, m.At})
		}
		if len(page.Data) == 0 {
			break
		}
		from = got[len(got)-1].At
	}
	w.same("the server's query", g, got, w.since(g, w.history(), 0))
}

// list compares the list of conversations: all three are in it, the one with the newest
// message first.
func (w *ages) list() {
	w.Helper()
	var list struct {
		Conversations []struct {
			ID          id.Group `json:"groupId"`
			Unread      int
			LastMessage word
		}
	}
	w.must("ann", "GET", "/conversations", "", &list)
	if len(list.Conversations) != len(ageGroups) {
		w.Fatalf("%s the list has %d conversations", w.about(), len(list.Conversations))
	}
	newest := int64(0)
	for i, c := range list.Conversations {
		since := w.window(c.ID)
		if w.set.HistoryMonths > 0 {
			since = min(since, w.history())
		}
		want := word{}
		if some := w.since(c.ID, since, 0); len(some) > 0 {
			want = some[len(some)-1]
		}
		unread := len(w.since(c.ID, w.window(c.ID), w.read[c.ID]))
		if c.LastMessage != want || c.Unread != min(unread, inbox.MaxUnread) || i > 0 && c.LastMessage.At > newest {
			w.Fatalf("%s: %s is in place %d of the list with message %d and %d unread, not with %d and %d", w.about(), c.ID, i, c.LastMessage.Seq, c.Unread, want.Seq, unread)
		}
		newest = c.LastMessage.At
	}
}

// logs compares the files of all hours in which anything was said, and of the present
// one: an hour's file is there when the hour has settled and a tick came, and stays for
// three days; it has what was sent, whatever has been removed from the groups since.
func (w *ages) logs() {
	w.Helper()
	hours := map[string][]string{time.Now().UTC().Format("2006010215"): nil}
	for g := range w.said {
		for _, m := range w.said[g] {
			at := time.UnixMilli(m.At).UTC()
			date := at.Format("2006010215")
			hours[date] = append(hours[date], string(m.UID))
		}
	}
	for date, want := range hours {
		begin, err := time.Parse("2006010215", date)
		w.ok(err)
		if w.ticked.Sub(begin) > hourlog.Kept+2*time.Hour || w.ticked.Before(begin.Add(time.Hour+hourlog.Settled)) {
			want = nil
		}
		got := w.logged(date)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			w.Fatalf("%s: the log of %s has %d messages, not %d", w.about(), date, len(got), len(want))
		}
	}
}

// logged are the message UIDs in the log of an hour.
func (w *ages) logged(date string) []string {
	w.Helper()
	var log struct{ URL string }
	_, raw := contracttest.Call(w.T, w.handlers["history"], http.MethodPost, "/message/history.json", url.Values{"date": {date}}.Encode())
	w.ok(json.Unmarshal(raw, &log))
	if log.URL == "" {
		return nil
	}
	out := httptest.NewRecorder()
	w.handlers["logs"].ServeHTTP(out, httptest.NewRequest(http.MethodGet, log.URL, nil))
	if out.Code != http.StatusOK {
		w.Fatalf("%s: the log of %s is answered with %d", w.about(), date, out.Code)
	}
	var uids []string
	for line := range strings.Lines(textOf(w.T, out.Body.Bytes())) {
		var l struct{ MsgUID string }
		w.ok(json.Unmarshal([]byte(line[strings.IndexByte(line, '{'):]), &l))
		uids = append(uids, l.MsgUID)
	}
	return uids
}
