package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// TestTheLogOfAnHourIsMadeAndDownloaded has the archive make the log of an hour that
// is over, and reads it where the call says.
func TestTheLogOfAnHourIsMadeAndDownloaded(t *testing.T) {
	t.Parallel()
	w := startTown(t)
	then := time.Now().UTC().Add(-2 * time.Hour)
	date := url.Values{"date": {then.Format("2006010215")}}
	at := func() string {
		var log struct{ URL, Date string }
		if status := w.post("/message/history.json", date, &log); status != 200 || log.Date != date.Get("date") {
			t.Fatalf("HTTP %d, %+v", status, log)
		}
		return log.URL
	}
	if address := at(); address != "" {
		t.Errorf("before the archive was called, the log is at %q", address)
	}
	g := group.New(w.inside().Store, func(context.Context, ...[]byte) error { return nil }, group.Options{Linger: -1, Now: func() time.Time { return then }})
	if err := g.Join(t.Context(), "of-then", []id.User{"ann"}, "G"); err != nil {
		t.Fatal(err)
	}
	r, err := g.Publish(t.Context(), "of-then", group.Entry{From: "ann", Type: "RC:TxtMsg", Content: `{"content":"then"}`})
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(w.url(portGateway)+"/debug/schedule/hourly", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	w.eventually("the log is there", func() bool { return at() != "" })
	address := at()
	if text := unzipped(t, address); !strings.Contains(text, string(r.UID)) || !strings.Contains(text, `"content":{"content":"then"}`) || strings.Count(text, "\n") != 1 {
		t.Errorf("the log says %q", text)
	}
	w.must("/message/history/delete.json", date)
	if address := at(); address != "" {
		t.Errorf("a removed log is at %s", address)
	}
	if res, err = http.Get(address); err != nil || res.StatusCode != http.StatusNotFound {
		t.Errorf("a removed log can be downloaded: %v, %v", res, err)
	}
}

// unzipped downloads a ZIP of one file and returns its text.
func unzipped(t *testing.T, address string) string {
	t.Helper()
	res, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return textOf(t, raw)
}

// textOf is the text of a ZIP of one file.
func textOf(t *testing.T, raw []byte) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil || len(z.File) != 1 {
		t.Fatalf("not a ZIP of one file: %v", err)
	}
	f, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestAnArchiveIsKilledInTheMiddle kills the process of archive with -9 while it makes
// the logs of some hours, while others go on sending. What the one tick asked for is
// done by the process after it: each hour's file has what was sent in it.
func TestAnArchiveIsKilledInTheMiddle(t *testing.T) {
	const hours = 6
	w := startTown(t, "THRONG_LATENCY=20ms")
	begin := time.Now().UTC().Truncate(time.Hour)
	var mu sync.Mutex
	want := map[string][]string{}
	store := w.inside().Store
	together(8, 8, func(n int) {
		name := id.Group(fmt.Sprint("of-then-", n))
		for back := hours + 1; back > 1; back-- {
			then := begin.Add(-time.Duration(back)*time.Hour + time.Duration(n)*time.Minute)
			g := group.New(store, func(context.Context, ...[]byte) error { return nil }, group.Options{Now: func() time.Time { return then }})
			if err := g.Join(t.Context(), name, []id.User{"ann"}, "G"); err != nil {
				t.Error(err)
			}
			together(10, 10, func(int) {
				r, err := g.Publish(t.Context(), name, group.Entry{From: "ann", Type: "RC:TxtMsg", Content: `{"content":"then"}`})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				want[then.Format("2006010215")] = append(want[then.Format("2006010215")], string(r.UID))
			})
		}
	})
	w.chatters("of-then-0")
	res, err := http.Post(w.url(portGateway)+"/debug/schedule/hourly", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	made := func() (n int) {
		for date := range want {
			var log struct{ URL string }
			if w.post("/message/history.json", url.Values{"date": {date}}, &log); log.URL != "" {
				n++
			}
		}
		return n
	}
	for kill := range 2 { // in the middle of the first hour, and of one after it
		w.eventually("archive is at work", func() bool { return w.archiveReads() > 10 && made() >= kill })
		killed := w.killArchive()
		if n := made(); killed == 0 || n == hours {
			t.Fatalf("%d processes were killed, when %d of %d files were there", killed, n, hours)
		}
	}
	w.eventually("all logs are there", func() bool { return made() == hours })
	w.killArchive() // it would go on with three days in which nothing was said
	for date, uids := range want {
		var log struct{ URL string }
		w.post("/message/history.json", url.Values{"date": {date}}, &log)
		text := unzipped(t, log.URL)
		if strings.Count(text, "\n") != len(uids) {
			t.Errorf("the log of %s has %d lines, %d messages were sent", date, strings.Count(text, "\n"), len(uids))
		}
		for _, uid := range uids {
			if strings.Count(text, uid) != 1 {
				t.Errorf("the log of %s has %s %d times", date, uid, strings.Count(text, uid))
			}
		}
	}
}

// killArchive kills the processes of archive, and returns how many there were.
func (w *town) killArchive() int {
	w.Helper()
	pids := w.functionPIDs("archive")
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	return len(pids)
}

// archiveReads is how many documents the process of archive has read, zero while
// there is none.
func (w *town) archiveReads() int64 {
	w.Helper()
	res, err := w.client.Get(w.function("archive") + "/debug/cost")
	if err != nil {
		return 0
	}
	defer func() { _ = res.Body.Close() }()
	var read cost.Counts
	if err := json.NewDecoder(res.Body).Decode(&read); err != nil {
		return 0
	}
	return read.Reads
}

// chatters have the app's server send to a group until the test ends.
func (w *town) chatters(group string) {
	over := make(chan struct{})
	var talking sync.WaitGroup
	for range 2 {
		talking.Go(func() {
			for {
				select {
				case <-over:
					return
				case <-time.After(30 * time.Millisecond):
					w.server("/message/group/publish.json", url.Values{"fromUserId": {"ann"}, "toGroupId": {group}, "objectName": {"RC:TxtMsg"}, "content": {text}})
				}
			}
		})
	}
	w.Cleanup(func() { close(over); talking.Wait() })
}
