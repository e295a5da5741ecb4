package main

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/throng-im/throng/shared/deviceapi"
)

// listener is a device on the stream, from one row to the next.
type listener struct {
	*talk
	lastID string
	open   *http.Response
}

// streamRows are a device that connects, is cut off, and comes back to a message.
func (t *talk) streamRows() []row {
	l := &listener{talk: t}
	stream := func(what string) row {
		return row{path: deviceapi.Base + "/stream", call: "GET " + deviceapi.Base + "/stream", what: what, stirs: true, make: l.connect}
	}
	first, again := stream("connect, one group"), stream("come back to one message")
	again.before = func() error {
		l.hangUp()
		_, err := t.call(row{path: "/message/group/publish.json", form: form("fromUserId", "bob"+t.run, "toGroupId", t.group, "objectName", "RC:TxtMsg", "content", hello)})
		return err
	}
	return []row{first, again}
}

func (l *listener) hangUp() {
	if l.open != nil {
		_ = l.open.Body.Close()
	}
	l.open = nil
	l.stirred = true
}

// connect returns when the device has an id, and others know that it is there.
func (l *listener) connect() error {
	before, err := l.counts("stream")
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodGet, l.url+deviceapi.Base+"/stream", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+l.tokens["ann"])
	if l.lastID != "" {
		req.Header.Set("Last-Event-ID", l.lastID)
	}
	if l.open, err = http.DefaultClient.Do(req); err != nil {
		return err
	}
	lines := bufio.NewScanner(l.open.Body)
	for lines.Scan() {
		if text, is := strings.CutPrefix(lines.Text(), "id: "); is {
			l.lastID = text
			break
		}
	}
	for range 100 {
		now, err := l.counts("stream")
		if err != nil {
			return err
		}
		if now.Writes > before.Writes {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("the stream answered %s and did not say who is connected", l.open.Status)
}
