package main

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

// TestTheLogOfAnHourIsMadeAndDownloaded has the archive make the log of an hour that
// is over, and reads it where the call says.
func TestTheLogOfAnHourIsMadeAndDownloaded(t *testing.T) {
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
