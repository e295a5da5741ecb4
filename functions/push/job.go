package push

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"firebase.google.com/go/v4/messaging"

	"github.com/throng-im/throng/shared/event"
)

const (
	// forgetTimeout bounds the time a job takes to forget tokens. The next message
	// meets those that are left.
	forgetTimeout = 10 * time.Second
	// forgetAtOnce is how many users' devices are changed at the same time.
	forgetAtOnce = 16
)

// push hands a job's messages to FCM and returns the jobs that it leaves behind.
func (f *function) push(ctx context.Context, job event.Push) []event.Push {
	started := time.Now()
	job, left := f.fold(ctx, job, f.Now())
	if len(job.Targets) == 0 {
		return left
	}
	// Devices that missed different numbers of messages are told different things, at
	// the same time.
	jobs := f.budget.counted(job)
	var messages []*messaging.Message
	for _, j := range jobs {
		messages = append(messages, f.Style.messages(j)...)
	}
	answers := f.sendAll(ctx, messages)
	// What waits does so from the answer on.
	now, took := f.Now(), time.Since(started)
	var dead []event.PushTarget
	var full time.Duration
	for _, j := range jobs {
		o := outcomeOf(j, answers[:len(j.Targets)], now)
		answers = answers[len(j.Targets):]
		o.report(ctx, j, took)
		dead, full = append(dead, o.dead...), max(full, o.overQuota.least)
		left = append(left, o.again(j, now)...)
	}
	f.closeFor(ctx, now, full)
	f.forget(ctx, job, dead)
	return left
}

// outcome is what became of a job's messages.
type outcome struct {
	delivered, refused int
	dead               []event.PushTarget
	// The busy have had what FCM hands one device for now, which says nothing of others.
	troubled, busy, overQuota waiting
	// reasons counts what was no success, and alarms what operators must know, with
	// the first device that it happened to.
	reasons map[string]int
	alarms  map[string]event.PushTarget
}

// waiting are devices that are tried again, for as long as the answers say not to.
type waiting struct {
	targets []event.PushTarget
	least   time.Duration
	reason  string
}

func (w *waiting) add(t event.PushTarget, v verdict) {
	w.targets, w.least, w.reason = append(w.targets, t), max(w.least, v.after), v.reason
}

func outcomeOf(job event.Push, answers []error, now time.Time) outcome {
	o := outcome{reasons: map[string]int{}, alarms: map[string]event.PushTarget{}}
	verdicts := make([]verdict, len(answers))
	// The payload is good if it was taken for another device that gets the same.
	good := map[string]bool{}
	for i, err := range answers {
		if verdicts[i] = verdictOf(err, now); verdicts[i].fate == delivered {
			good[sameFor(job.Targets[i])] = true
		}
	}
	for i, v := range verdicts {
		t := job.Targets[i]
		if v.fate == suspect {
			v.fate = refused
			if good[sameFor(t)] {
				v.fate = dead
			}
		}
		if v.fate != delivered {
			o.reasons[v.reason]++
		}
		if _, known := o.alarms[v.alarm]; v.alarm != "" && !known {
			o.alarms[v.alarm] = t
		}
		switch v.fate {
		case delivered:
			o.delivered++
		case dead:
			o.dead = append(o.dead, t)
		case troubled:
			o.troubled.add(t, v)
		case busy:
			o.busy.add(t, v)
		case overQuota:
			o.overQuota.add(t, v)
		default:
			o.refused++
		}
	}
	return o
}

// sameFor names the devices of a job that get the same message.
func sameFor(t event.PushTarget) string { return t.Platform + "/" + t.Language }

// again makes the jobs for what is left. Their names are those of no other jobs:
// a letter more for every try.
func (o outcome) again(job event.Push, now time.Time) (jobs []event.Push) {
	add := func(letter string, w waiting, wait time.Duration) {
		if len(w.targets) == 0 {
			return
		}
		again := job
		again.Job, again.Targets, again.Reason = rename(job.Job, letter), w.targets, w.reason
		again.Due, again.Tries = now.Add(wait).UnixMilli(), job.Tries+1
		jobs = append(jobs, again)
	}
	add("t", o.troubled, max(backoff(job.Tries), o.troubled.least))
	add("d", o.busy, o.busy.least+rand.N(spread))
	add("q", o.overQuota, o.overQuota.least+rand.N(spread))
	return jobs
}

// rename adds a letter to a job's name, behind a tilde.
func rename(job, letter string) string {
	if strings.Contains(job, "~") {
		return job + letter
	}
	return job + "~" + letter
}

// report writes what became of a job. Tokens are secrets.
func (o outcome) report(ctx context.Context, job event.Push, took time.Duration) {
	about := []any{"job", job.Job, "group", job.Group, "seq", job.Seq, "messageUID", job.MessageUID, "reasons", o.reasons}
	for alarm, t := range o.alarms {
		slog.ErrorContext(ctx, "FCM refuses us", append([]any{"alarm", alarm, "user", t.User, "device", t.Device}, about...)...)
	}
	if o.refused > 0 {
		slog.ErrorContext(ctx, "FCM refused notifications for good", append([]any{"refused", o.refused}, about...)...)
	}
	slog.InfoContext(ctx, "pushed", append(about, "sent", o.delivered, "forgotten", len(o.dead), "refused", o.refused,
		"left", len(o.troubled.targets)+len(o.busy.targets)+len(o.overQuota.targets), "try", job.Tries+1, "ms", took.Milliseconds())...)
}

// forget drops dead tokens. Those that cannot be forgotten now are met again.
func (f *function) forget(ctx context.Context, job event.Push, targets []event.PushTarget) {
	if len(targets) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetTimeout)
	defer cancel()
	var work sync.WaitGroup
	slots := make(chan struct{}, forgetAtOnce)
	for _, t := range targets {
		slots <- struct{}{}
		work.Go(func() {
			defer func() { <-slots }()
			if err := f.Forget(ctx, t.User, t.Token); err != nil {
				slog.WarnContext(ctx, "a dead device could not be forgotten", "user", t.User, "device", t.Device, "messageUID", job.MessageUID, "error", err)
			}
		})
	}
	work.Wait()
}

// closeFor tells the other processes that FCM takes nothing for a while.
func (f *function) closeFor(ctx context.Context, now time.Time, wait time.Duration) {
	if wait == 0 || f.Close == nil {
		return
	}
	slog.ErrorContext(ctx, "FCM's quota is used up", "alarm", "fcm_quota_exceeded", "wait", wait.String())
	if err := f.Close(context.WithoutCancel(ctx), now.Add(wait)); err != nil {
		slog.WarnContext(ctx, "other processes could not be told that FCM's quota is used up", "error", err)
	}
}
