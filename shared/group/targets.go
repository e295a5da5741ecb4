package group

import "time"

// silentDays is how long a device may go without being seen and still be pushed
// to. FCM lets go of a token that was idle for as long.
const silentDays = 270

// Silent says whether a device that was seen last on the day seen is not to be
// pushed to any more today. Zero is a day that nobody knows: such a device counts
// as seen.
func Silent(seen, today int64) bool { return seen > 0 && today-seen >= silentDays }

// Doubtful says whether the copy has grown so old that the user has to be asked
// again: going by it a device has fallen silent, but that the device was seen
// since is not copied.
func (t Targets) Doubtful(at time.Time) bool {
	today := Day(at.UnixMilli())
	for _, d := range t.Devices {
		if Silent(d.Seen, today) {
			return true
		}
	}
	return false
}

// outdates says whether a copy is to take the place of another at an instant. Of
// one version there may be two: the younger one was made because the older had
// become doubtful.
func (t Targets) outdates(old Targets, at time.Time) bool {
	return t.Version > old.Version || t.Version == old.Version && old.Doubtful(at)
}

// bytes estimates what a copy adds to its document.
func (d Device) bytes() int {
	n := len(d.ID) + len(d.Platform) + len(d.Token) + 24
	if d.Seen != 0 {
		n += 10
	}
	return n
}
