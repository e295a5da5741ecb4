package main

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// TestAMessageCanBeFollowed looks for one message's id in what the functions
// log, from the request to the phone, under one trace.
func TestAMessageCanBeFollowed(t *testing.T) {
	w := startTown(t, "THRONG_TRACE=1")
	w.must("/group/create.json", url.Values{"groupId": {"g"}, "groupName": {"G"}, "userId": {"ann", "bob"}})
	token := w.token("bob")
	w.device("PUT", "/devices/d", token, `{"platform":"web","pushToken":"bobs-push-token"}`, nil)
	uid := w.publish("g", "ann")
	w.eventually("bob was pushed to", func() bool { return len(w.pushes()) == 1 })
	want := []string{"published", "notifying", "pushed"}
	var steps, traces []string
	w.eventually("every function has logged", func() bool {
		steps, traces = nil, nil
		for line := range strings.Lines(w.out.String()) {
			var l map[string]any
			if json.Unmarshal([]byte(line), &l) == nil && l["messageUID"] == uid {
				steps = append(steps, l["message"].(string))
				trace, _ := l["logging.googleapis.com/trace"].(string)
				traces = append(traces, trace)
			}
		}
		return len(steps) >= len(want)
	})
	if !slices.Equal(steps, want) {
		t.Errorf("%s is found in %v, want %v", uid, steps, want)
	}
	if len(slices.Compact(traces)) != 1 || traces[0] == "" {
		t.Errorf("the traces are %v", traces)
	}
	for _, secret := range []string{token, "bobs-push-token", "dev-secret\""} {
		if strings.Contains(w.out.String(), secret) {
			t.Errorf("%s reached the log", secret)
		}
	}
}
