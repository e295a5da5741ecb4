package messages

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/throng-im/throng/shared/settings"
)

// TestTheAppIsAskedAboutItsOwnMessages only where that is switched on. What it refuses
// for one group goes to none.
func TestTheAppIsAskedAboutItsOwnMessages(t *testing.T) {
	var asked atomic.Int64
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.FormValue("os") != "Server" || r.FormValue("fromUserId") != "ann" {
			t.Errorf("asked about %v", r.Form)
		}
		answer := `{"pass":1,"replaceContent":"changed"}`
		if r.FormValue("targetId") == "g2" {
			answer = `{"pass":0,"extra":"no"}`
		}
		_, _ = io.WriteString(w, answer)
	}))
	defer app.Close()
	set := settings.Settings{Callbacks: settings.Callbacks{Pre: app.URL, Local: true}}
	s := newServer(t, set)
	if m := s.message(s.publish("")); m.Content == "changed" || asked.Load() != 0 {
		t.Errorf("it is off, and stored is %s", m.Content)
	}
	set.Callbacks.PreServerMessages = true
	s = newServer(t, set)
	if m := s.message(s.publish("")); m.Content != "changed" || asked.Load() != 1 {
		t.Errorf("stored is %s", m.Content)
	}
	s.refuses("/message/group/publish.json", strings.Join([]string{"fromUserId=ann", "toGroupId=g1", "toGroupId=g2", "objectName=RC:TxtMsg", "content=x"}, "&"), 403, 25405, "the app refused")
	before := asked.Load()
	set.Callbacks.PreTypes = []string{"RC:ImgMsg"}
	s = newServer(t, set)
	if m := s.message(s.publish("")); m.Content == "changed" || asked.Load() != before {
		t.Errorf("it is not asked about texts, and stored is %s", m.Content)
	}
}
