package retention

import (
	"fmt"
	"time"

	"github.com/throng-im/throng/shared/group"
)

const (
	// slack is what clocks differ by, and how long a call may be under way that looked
	// at its clock before.
	slack = time.Hour
	// monthSlack is by how much a date some months ago may be later today than
	// tomorrow: a month before the 31st of March is the 3rd, a month before the 1st of
	// April is the 1st.
	monthSlack = 3 * 24 * time.Hour
	// endedMonths is for how long a dismissed group is kept at the least. Its gags and
	// its allowlist outlive a dismissal, whether or not there is history.
	endedMonths = 6
	// leftDays is for how long what a user set of a group that they left is kept at
	// the least: the longest offline window.
	leftDays = group.MaxOfflineDays
)

// Rules are the settings that say what is kept for how long.
type Rules struct {
	// OfflineDays is the app's offline window, HistoryMonths how long the cloud keeps
	// history, zero when it keeps none.
	OfflineDays, HistoryMonths int
}

func (r Rules) String() string { return fmt.Sprintf("%dd %dm", r.OfflineDays, r.HistoryMonths) }

// Since is the time in Unix milliseconds from which on a group's entries are kept:
// by the offline window or by history, whichever is longer. own is the group's own
// window in days, zero for the app's.
func (r Rules) Since(now time.Time, own int) int64 {
	days := r.OfflineDays
	if own > 0 {
		days = own
	}
	return earlier(now.AddDate(0, 0, -days), months(now, r.HistoryMonths)).Add(-slack).UnixMilli()
}

// Until is the newest day, by group.Day, whose segments have expired: all of it is
// over for every reader.
func (r Rules) Until(now time.Time, own int) int64 { return group.Day(r.Since(now, own)) - 1 }

// EndedBefore is the time in Unix milliseconds before which a group must have been
// silent to be taken apart, once it was dismissed.
func (r Rules) EndedBefore(now time.Time) int64 {
	return months(now, max(r.HistoryMonths, endedMonths)).Add(-slack).UnixMilli()
}

// LeftBefore is the time in Unix milliseconds before which a user must have left a
// group for what they set of it to be forgotten.
func (r Rules) LeftBefore(now time.Time) int64 {
	return earlier(now.AddDate(0, 0, -leftDays), months(now, r.HistoryMonths)).Add(-slack).UnixMilli()
}

// months is a time some months ago, and now for none.
func months(now time.Time, n int) time.Time {
	if n == 0 {
		return now
	}
	return now.AddDate(0, -n, 0).Add(-monthSlack)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
