package gate

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/throng-im/throng/shared/commit"
)

// key is the only document there is.
const (
	key  = "gate"
	path = "push/gate"
)

// state is the document. Times are Unix milliseconds.
type state struct {
	version time.Time
	journal commit.Journal
	changed bool

	PausedAt    int64  `json:"pausedAt,omitempty"`
	Why         string `json:"why,omitempty"`
	ClosedUntil int64  `json:"closedUntil,omitempty"`
	AlarmedAt   int64  `json:"alarmedAt,omitempty"`
	// Slice is the number of the newest slice, and Used what it and those before it
	// have used, the newest first.
	Slice int64         `json:"slice,omitempty"`
	Used  [window]int64 `json:"used"`
}

func sliceOf(at time.Time) int64 { return at.UnixMilli() / Slice.Milliseconds() }

// usedAt is what counts at a time, slice by slice.
func (s *state) usedAt(now time.Time) [window]int64 {
	var used [window]int64
	// Clocks differ: a slice that has not begun here counts as the current one.
	passed := max(sliceOf(now)-s.Slice, 0)
	for i := passed; i < window; i++ {
		used[i] = s.Used[i-passed]
	}
	return used
}

func sum(used [window]int64) (n int64) {
	for _, u := range used {
		n += u
	}
	return n
}

func (s *state) status(now time.Time) Status {
	out := Status{Paused: s.PausedAt != 0, Why: s.Why, Used: sum(s.usedAt(now))}
	if out.Paused {
		out.Since = time.UnixMilli(s.PausedAt)
	}
	if s.ClosedUntil != 0 {
		out.ClosedUntil = time.UnixMilli(s.ClosedUntil)
	}
	return out
}

// leased is what became of a lease: n messages, or the time when to ask again.
type leased struct {
	n      int64
	until  time.Time
	alarm  bool
	used   int64
	status Status
}

// giveBack takes what was leased and not sent out of the slice that it was leased in.
func (s *state) giveBack(now time.Time, back spare) {
	used := s.usedAt(now)
	if ago := max(sliceOf(now), s.Slice) - back.slice; back.n > 0 && ago >= 0 && ago < window {
		used[ago] = max(used[ago]-back.n, 0)
		s.Slice, s.Used, s.changed = max(s.Slice, sliceOf(now)), used, true
	}
}

// lease takes at least missing messages out of the window, if they are there.
func (s *state) lease(now time.Time, missing, limit int64) (out leased) {
	used := s.usedAt(now)
	before := sum(used)
	// A window that nothing was sent in is never too small for one job.
	if before == 0 || before+missing <= limit {
		out.n = max(missing, min(limit/leasePart, limit-before))
		used[0] += out.n
		s.Slice, s.Used, s.changed = max(s.Slice, sliceOf(now)), used, true
	} else {
		out.until = roomAt(now, used, missing, limit)
	}
	out.used = sum(used)
	if wanted := max(out.used, before+missing); wanted*100 >= limit*alarmPercent && now.UnixMilli()-s.AlarmedAt >= alarmEvery.Milliseconds() {
		s.AlarmedAt, s.changed, out.alarm = now.UnixMilli(), true, true
	}
	out.status = s.status(now)
	return out
}

// roomAt is when so many slices have left the window that there is room.
func roomAt(now time.Time, used [window]int64, missing, limit int64) time.Time {
	left := sum(used)
	for i := window - 1; i >= 0; i-- {
		left -= used[i]
		if left == 0 || left+missing <= limit {
			return time.UnixMilli((sliceOf(now) + int64(window-i)) * Slice.Milliseconds())
		}
	}
	return now.Add(window * Slice)
}

// model teaches the commit loop what the gate is.
type model struct{}

func (model) Load(ctx context.Context, r commit.Reader, _ string, _ *state) (*state, error) {
	docs, err := r.Get(ctx, []string{path})
	if err != nil {
		return nil, err
	}
	s := &state{version: docs[0].Version}
	if data, _ := docs[0].Fields["data"].([]byte); len(data) > 0 {
		if err := json.Unmarshal(data, s); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	s.journal = commit.ReadJournal(docs[0])
	return s, nil
}

func (model) Draft(s *state) *state {
	d := *s
	d.changed, d.journal = false, s.journal.Clone()
	return &d
}

func (model) Weight(*state) int                 { return 0 }
func (model) Journal(s *state) *commit.Journal  { return &s.journal }
func (model) Root(s *state) (string, time.Time) { return path, s.version }
func (model) Size(*state) int                   { return 2048 }

func (model) Plan(d *state) (commit.Plan, error) {
	if !d.changed {
		return commit.Plan{}, nil
	}
	data, err := json.Marshal(d)
	if err != nil {
		return commit.Plan{}, err
	}
	w := commit.Write{Path: path, Fields: commit.Fields{"data": data}}
	return commit.Plan{Writes: []commit.Write{w}}, nil
}

func (model) Settle(d *state, version time.Time) *state {
	s := *d
	s.version, s.changed = version, false
	return &s
}
