package push

import (
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/id"
)

const (
	// devicesKept is how many devices' budgets an instance remembers, the latest.
	devicesKept = 100_000
	// FCM takes 5,000 messages an hour for an Android device. The budget's hour is a
	// little less, whatever the rate by the minute is.
	hourRate = 4500
	// foldLost is how long after its time a job about a surplus may come; Pub/Sub's
	// backoff is a minute at most.
	foldLost = 2 * time.Minute
)

// budget counts what each device is notified of, in this process. What is above
// becomes one notification for each group, when the minute is over.
type budget struct {
	rate int
	seed maphash.Seed

	mu      sync.Mutex
	devices *lru.Cache[uint64, *spending]
}

// spending is one device's: when its minute and hour began, and how many messages
// it was sent since.
type spending struct {
	minute, hour     time.Time
	inMinute, inHour int
	surplus          map[id.Group]*surplus
}

// surplus is what a device was not shown of one group.
type surplus struct {
	count int64
	// due is when the job that says so comes.
	due time.Time
	// last is the newest message among it.
	last event.Push
}

func newBudget(rate int) *budget {
	b := &budget{rate: rate, seed: maphash.MakeSeed()}
	b.devices, _ = lru.New[uint64, *spending](devicesKept) // fails for a size of zero only
	return b
}

// spend counts a message for a device. Where it is one too many, it says when the
// minute ends, and whether this is the first of the group that is.
func (b *budget) spend(token string, job event.Push, now time.Time) (over, first bool, ends time.Time) {
	key := maphash.String(b.seed, token)
	d, known := b.devices.Get(key)
	if !known {
		d = &spending{}
		b.devices.Add(key, d)
	}
	if now.Sub(d.minute) >= time.Minute {
		d.minute, d.inMinute = now, 0
	}
	if now.Sub(d.hour) >= time.Hour {
		d.hour, d.inHour = now, 0
	}
	if d.inMinute < b.rate && d.inHour < hourRate {
		d.inMinute, d.inHour = d.inMinute+1, d.inHour+1
		return false, false, time.Time{}
	}
	s := d.surplus[job.Group]
	ends = d.minute.Add(time.Minute)
	// The job may have gone to another process, which does not know of this one's count.
	if s == nil || now.Sub(s.due) > foldLost {
		s, first = &surplus{due: ends}, true
		if d.surplus == nil {
			d.surplus = map[id.Group]*surplus{}
		}
		d.surplus[job.Group] = s
	}
	if s.count++; job.Seq >= s.last.Seq {
		s.last = job
		s.last.Targets = nil
	}
	return true, first, ends
}

// fold takes the devices out of a job that have had enough for now, and returns
// the jobs that will tell them how many messages there were. Only messages are
// folded, and only at their first try: a recall must not be kept from anybody.
func (f *function) fold(ctx context.Context, job event.Push, now time.Time) (rest event.Push, folds []event.Push) {
	b := f.budget
	if b.rate == 0 || job.Kind != event.PushMessage || job.Tries > 0 {
		return job, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	rest = job
	rest.Targets = nil
	due := map[int64][]event.PushTarget{}
	for _, t := range job.Targets {
		over, first, ends := b.spend(t.Token, job, now)
		switch {
		case !over:
			rest.Targets = append(rest.Targets, t)
		case first:
			due[ends.UnixMilli()] = append(due[ends.UnixMilli()], t)
		}
	}
	for at, targets := range due {
		fold := job
		fold.Job, fold.Kind, fold.Targets = rename(job.Job, fmt.Sprintf("f%d", at)), event.PushFold, targets
		fold.Surplus, fold.Count, fold.Due, fold.First, fold.Reason = true, 1, at, 0, ""
		fold.Body, fold.Data, fold.Mentioned = "", "", false
		folds = append(folds, fold)
	}
	if n := len(job.Targets) - len(rest.Targets); n > 0 {
		slog.InfoContext(ctx, "held back from devices that have had enough", "job", job.Job, "group", job.Group, "messageUID", job.MessageUID, "devices", n)
	}
	return rest, folds
}

// counted splits a job about what devices were not shown by what each of them
// missed. What this process does not know stays as the job says, and any other job
// as it is.
func (b *budget) counted(job event.Push) (jobs []event.Push) {
	if !job.Surplus {
		return []event.Push{job}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	at := map[string]int{}
	for _, t := range job.Targets {
		j := job
		if d, known := b.devices.Get(maphash.String(b.seed, t.Token)); known && d.surplus[job.Group] != nil {
			s := d.surplus[job.Group]
			delete(d.surplus, job.Group)
			j.Count, j.Seq, j.MessageUID, j.From, j.At = max(s.count, job.Count), s.last.Seq, s.last.MessageUID, s.last.From, s.last.At
			j.Sender, j.Type = s.last.Sender, s.last.Type
		}
		key := fmt.Sprint(j.Seq, " ", j.Count)
		i, known := at[key]
		if !known {
			i = len(jobs)
			at[key] = i
			j.Job, j.Targets, j.Surplus = rename(job.Job, fmt.Sprintf("c%d", i)), nil, false
			jobs = append(jobs, j)
		}
		jobs[i].Targets = append(jobs[i].Targets, t)
	}
	return jobs
}
