package fcm

import (
	"cmp"
	"slices"
	"strconv"
)

// Notification is what a phone shows.
type Notification struct {
	// ID is that of the push that it came with. Of two notifications with the same
	// Key, the later takes the place of the earlier.
	ID    string `json:"id"`
	Key   string `json:"key"`
	At    int64  `json:"at"`
	Title string `json:"title"`
	Body  string `json:"body"`
	// Kind, Group, Seq and MessageUID are those of the data, where an app's messages
	// have them.
	Kind       string `json:"kind,omitempty"`
	Group      string `json:"group,omitempty"`
	Seq        int64  `json:"seq,omitempty"`
	MessageUID string `json:"messageUID,omitempty"`
	// By is system where the phone's system shows it, app where the app's code does.
	By string `json:"by"`
}

// Screen is the notifications of one phone, and marks by which an app's code
// remembers what came before.
type Screen struct {
	shown []Notification
	marks map[string]int64
	// told is called for each notification that is no longer shown.
	told func(id string, fate Fate, why string)
}

// maxMarks bounds what an app's code remembers.
const maxMarks = 1000

// Shown are the notifications in the order in which they came.
func (s *Screen) Shown() []Notification { return s.shown }

// Show shows a notification in the place of the one with the same key.
func (s *Screen) Show(n Notification) {
	n.Title, n.Body = cut(n.Title, maxTitle), cut(n.Body, maxBody)
	if i := slices.IndexFunc(s.shown, func(old Notification) bool { return old.Key == n.Key }); i >= 0 {
		s.told(s.shown[i].ID, Replaced, "by "+n.ID)
		s.shown = slices.Delete(s.shown, i, i+1)
	}
	if len(s.shown) >= maxShown {
		s.told(s.shown[0].ID, Dropped, "a phone of the stand-in shows "+strconv.Itoa(maxShown)+" at most")
		s.shown = slices.Delete(s.shown, 0, 1)
	}
	s.shown = append(s.shown, n)
}

// Remove takes notifications away and returns how many.
func (s *Screen) Remove(why string, which func(Notification) bool) int {
	before := len(s.shown)
	s.shown = slices.DeleteFunc(s.shown, func(n Notification) bool {
		if which(n) {
			s.told(n.ID, Removed, why)
			return true
		}
		return false
	})
	return before - len(s.shown)
}

// Mark is what SetMark set, 0 for nothing.
func (s *Screen) Mark(name string) int64 { return s.marks[name] }

// SetMark raises a mark.
func (s *Screen) SetMark(name string, to int64) {
	if s.marks == nil || len(s.marks) >= maxMarks && s.marks[name] == 0 {
		s.marks = map[string]int64{}
	}
	s.marks[name] = max(s.marks[name], to)
}

// App is what an app's own code does with the data of a message while nobody
// looks at the app. It answers what became of the message: Shown, or Silent and
// why nothing is to be seen.
type App func(screen *Screen, id string, at int64, data map[string]string) (Fate, string)

// Throng is how a phone with Throng's client shows a message's data: one
// notification for each message, by its tag or its id; a recall takes its place,
// or removes it if it says nothing; one for a burst in a group; and a clear
// takes away what was read elsewhere. What comes late does not come back.
func Throng(screen *Screen, id string, at int64, data map[string]string) (Fate, string) {
	n := Notification{ID: id, At: at, Title: data["title"], Body: data["body"], By: "app"}
	n.about(data)
	n.Key = cmp.Or(data["tag"], n.MessageUID)
	read, recalled := "read:"+n.Group, "recalled:"+n.MessageUID
	if n.Kind == "fold" {
		n.Key = cmp.Or(data["tag"], "fold:"+n.Group)
	}
	switch {
	case n.Group == "" || n.Kind == "" && n.Key == "":
		return Silent, "data for the app's own code, which is not known here"
	case n.Kind == "clear":
		screen.SetMark(read, n.Seq)
		count := screen.Remove("cleared by "+id, func(old Notification) bool { return old.Group == n.Group && old.Seq <= n.Seq })
		return Silent, "cleared " + strconv.Itoa(count) + " up to " + strconv.FormatInt(n.Seq, 10)
	case n.Seq > 0 && n.Seq <= screen.Mark(read):
		return Silent, "read on another device already"
	case n.Kind == "" && screen.Mark(recalled) > 0:
		return Silent, "taken back already"
	case n.Key == "":
		return Silent, "it names no message"
	}
	if n.Kind == "recall" {
		screen.SetMark(recalled, 1)
		if n.Title == "" && n.Body == "" {
			count := screen.Remove("taken back by "+id, func(old Notification) bool { return old.Key == n.Key || old.MessageUID == n.MessageUID })
			return Silent, "took back " + strconv.Itoa(count)
		}
	}
	for _, old := range screen.Shown() {
		if old.Key == n.Key && n.Kind == "fold" && old.Seq > n.Seq {
			return Silent, "a newer one is shown already"
		}
	}
	screen.Show(n)
	return Shown, ""
}

// about has a notification say what data says of the message that it came with.
func (n *Notification) about(data map[string]string) {
	n.Kind, n.Group, n.MessageUID = data["kind"], data["group"], data["messageUID"]
	n.Seq, _ = strconv.ParseInt(data["seq"], 10, 64)
}
