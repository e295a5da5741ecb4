package history

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/hourlog"
)

func TestLogsAreFoundAndRemoved(t *testing.T) {
	d := newDesk(t)
	zone, err := time.LoadLocation("Asia/Kolkata")
	d.ok(err)
	d.calls.logs = hourlog.New(d.groups, hourlog.Options{
		Bucket: "file://" + t.TempDir() + "?base_url=http://localhost/logs", Secret: "secret", App: "key", Zone: zone, Now: func() time.Time { return d.clock },
	})
	d.says("ann", `{"content":"hi"}`)
	date := "date=" + d.clock.In(zone).Format("2006010215")
	at := func(date string) string {
		t.Helper()
		var log struct{ URL, Date string }
		a := d.call("/message/history.json", date)
		d.ok(json.Unmarshal([]byte(a.Raw), &log))
		if a.Status != 200 || "date="+log.Date != date {
			t.Errorf("%s: %s", date, a.Raw)
		}
		return log.URL
	}
	if got := at(date); got != "" {
		t.Errorf("an hour that is not over has a log: %s", got)
	}
	d.clock = d.clock.Add(2 * time.Hour)
	_, err = d.calls.logs.Tick(t.Context())
	d.ok(err)
	if got := at(date); !strings.HasPrefix(got, "http://localhost/logs?") || !strings.Contains(got, "signature=") {
		t.Errorf("the log is at %q", got)
	}
	if got := at("date=2014010101"); got != "" {
		t.Errorf("an hour of long ago has a log: %s", got)
	}
	if a := d.call("/message/history/delete.json", date); a.Status != 200 || at(date) != "" {
		t.Errorf("removed: %s, and it is at %q", a.Raw, at(date))
	}
}
