package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/pubsub"
)

// pushPatience is how long the last push may take.
const pushPatience = time.Minute

// pushTable measures push alone: jobs that are published, until the last of their
// devices was handed to the FCM stand-in.
func (t *town) pushTable(ctx context.Context, r *report) error {
	ps, err := pubsub.Open(ctx, os.Getenv("GOOGLE_CLOUD_PROJECT"), new(cost.Meter))
	if err != nil {
		return err
	}
	defer func() { _ = ps.Close() }()
	out := table{Name: "push", Title: "From the jobs on the topic to the last of their pushes", Unit: "devices/s",
		Note: "p50 is the time to the last push at the FCM stand-in, which shares the machine; CPU, reads and writes are push's for one device"}
	for _, devices := range []int{3000, 20_000} {
		var samples []sample
		for i := range t.rounds {
			s, err := function("PUSH").observe(func() (sample, error) { return t.pushJobs(ctx, ps, devices, fmt.Sprintf("%d-%d", devices, i)) })
			if err != nil {
				return err
			}
			samples = append(samples, s)
		}
		out.Rows = append(out.Rows, row{Name: fmt.Sprint(devices, " devices"), Variants: []measured{middle("Throng", samples)}})
	}
	r.add(out)
	return nil
}

// pushJobs publishes the jobs of one message and waits for their pushes.
func (t *town) pushJobs(ctx context.Context, ps *pubsub.Client, devices int, name string) (sample, error) {
	if err := device(http.MethodDelete, t.fcm+"/emulator/pushes", "", ""); err != nil {
		return sample{}, err
	}
	var payloads [][]byte
	// An old job would have its devices looked up, and these belong to nobody.
	said := time.Now().UnixMilli()
	for from := 0; from < devices; from += jobTargets {
		job := event.Push{Job: fmt.Sprint(name, "/", from), Group: "bench", Seq: 1, MessageUID: id.Message(name), From: "ann", Type: "RC:TxtMsg", At: said, Name: "Bench", Sender: "Ann", Body: "hello"}
		for i := from; i < min(from+jobTargets, devices); i++ {
			job.Targets = append(job.Targets, event.PushTarget{User: id.User(fmt.Sprint("u", i)), Device: "phone", Platform: "android", Token: fmt.Sprint("bench-", i)})
		}
		payload, err := json.Marshal(job)
		if err != nil {
			return sample{}, err
		}
		payloads = append(payloads, payload)
	}
	started := time.Now()
	if err := ps.Publish(ctx, event.TopicPush, payloads...); err != nil {
		return sample{}, err
	}
	last, err := t.lastPush(started, devices)
	if err != nil {
		return sample{}, err
	}
	s := summary([]time.Duration{last.Sub(started)}, last.Sub(started))
	s.Rate, s.Operations = float64(devices)*s.Rate, devices
	return s, nil
}

// lastPush waits for so many pushes at the stand-in and says when the last came. It
// asks for news alone: to list all of them over and over takes as much of the
// machine as pushing.
func (t *town) lastPush(started time.Time, devices int) (time.Time, error) {
	seen, since := 0, ""
	for time.Since(started) < pushPatience {
		time.Sleep(100 * time.Millisecond)
		var out struct {
			Pushes []struct {
				ID string `json:"id"`
				At int64  `json:"at"`
			} `json:"pushes"`
		}
		if err := get(t.fcm+"/emulator/pushes?since="+url.QueryEscape(since), &out); err != nil {
			return time.Time{}, err
		}
		if len(out.Pushes) == 0 {
			continue
		}
		newest := out.Pushes[len(out.Pushes)-1]
		seen, since = seen+len(out.Pushes), newest.ID
		switch {
		case seen > devices:
			return time.Time{}, fmt.Errorf("%d pushes for %d devices", seen, devices)
		case seen == devices:
			return time.UnixMilli(newest.At), nil
		}
	}
	return time.Time{}, fmt.Errorf("not all of %d devices were pushed to within a minute", devices)
}
