package fanout

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"slices"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/message"
	"github.com/throng-im/throng/shared/notify"
)

// maxText bounds a notification's text in characters; a phone shows a few
// lines, and FCM takes 4,096 bytes with everything else.
const maxText = 1000

// notice is an entry that notifies somebody.
type notice struct {
	entry group.Entry
	// remark is what the group calls the sender, if anything.
	remark string
	// text is for everyone, mentionText for those whom the entry mentions.
	text, mentionText string
	audience
}

// audience is the devices of those whom an entry notifies. The mentioned are apart,
// for they may be shown another text; the folded are told a count.
type audience struct{ everyone, mentioned, folded []event.PushTarget }

func (a *audience) devices() int { return len(a.everyone) + len(a.mentioned) + len(a.folded) }

// notices finds whom the messages and the recalls among the entries notify.
func (f *function) notices(ctx context.Context, ev *event.Timeline, entries []group.Entry) ([]notice, error) {
	var out []notice
	var roster *group.Roster
	for _, e := range entries {
		if !notifies(e, ev.Fold) {
			continue
		}
		if roster == nil {
			var err error
			if roster, err = f.roster(ctx, ev, entries); err != nil {
				return nil, err
			}
		}
		n := notice{entry: e, text: message.Text(e), remark: roster.Member(e.From).Remark}
		n.mentionText = n.text
		if e.Mention != nil && e.Mention.Text != "" {
			n.mentionText = e.Mention.Text
		}
		n.audience = audienceOf(roster, e, ev.Missed, f.Settings.NotifyLevel)
		if !tellsFold(e, ev.Fold) {
			n.folded = nil
		}
		out = append(out, n)
	}
	return out, nil
}

// notifies says whether an entry may notify anybody at all. One that is only counted
// needs no roster.
func notifies(e group.Entry, fold bool) bool {
	mentions := e.Mentions() != nil
	if e.Folded > 0 && !mentions && !tellsFold(e, fold) {
		return false
	}
	return notify.Anybody(e.Notice(), mentions)
}

// handOut publishes the jobs of the notices and returns how many they are.
func (f *function) handOut(ctx context.Context, ev *event.Timeline, notices []notice) (int, error) {
	var jobs []event.Push
	for _, n := range notices {
		slog.InfoContext(ctx, "notifying", "group", ev.Group, "seq", n.entry.Seq, "messageUID", id.NewMessage(ev.Serial, n.entry.Seq), "devices", n.devices(), "folded", len(n.folded))
		if n.devices() == 0 {
			continue
		}
		some, err := f.jobs(ctx, ev, n)
		if err != nil {
			return 0, err
		}
		jobs = append(jobs, some...)
	}
	if len(jobs) == 0 {
		return 0, nil
	}
	return len(jobs), event.Publish(ctx, f.publish, event.TopicPush, jobs...)
}

// jobs makes the push jobs of a notice.
func (f *function) jobs(ctx context.Context, ev *event.Timeline, n notice) ([]event.Push, error) {
	e, name := n.entry, n.remark
	jobs := cut(foldOf(ev, e), "fold"+missedBy(ev), n.folded)
	if len(n.everyone)+len(n.mentioned) == 0 {
		return jobs, nil
	}
	if name == "" {
		var err error
		if name, err = f.nameOf(ctx, e.From); err != nil {
			return nil, err
		}
	}
	if e.Kind == group.KindRecall {
		return cut(recallOf(ev, e, name), "recall"+missedBy(ev), append(n.everyone, n.mentioned...)), nil
	}
	jobs = append(jobs, cut(notification(ev, e, name, n.text, false), "all"+missedBy(ev), n.everyone)...)
	return append(jobs, cut(notification(ev, e, name, n.mentionText, true), "mentioned"+missedBy(ev), n.mentioned)...), nil
}

// missedBy tells apart whom an event is for that asks to make up for something. It
// is empty for any other. The same event again, the users in whatever order, has
// the same.
func missedBy(ev *event.Timeline) string {
	if len(ev.Missed) == 0 {
		return ""
	}
	h := fnv.New64a()
	for _, u := range slices.Sorted(slices.Values(ev.Missed)) {
		_, _ = h.Write(append([]byte(u), 0))
	}
	return fmt.Sprintf("/missed-%x", h.Sum64())
}

// roster returns the group's roster with the devices of everyone whom one of
// the messages may reach.
func (f *function) roster(ctx context.Context, ev *event.Timeline, entries []group.Entry) (*group.Roster, error) {
	first, last := entries[0].Seq, entries[0].Seq
	for _, e := range entries {
		first, last = min(first, e.Seq), max(last, e.Seq)
	}
	return f.rosterWith(ctx, ev, func(_ id.User, m group.Member) bool { return m.Within(first, last) })
}

// rosterWith returns the group's roster with the devices of those who are wanted.
// Who is not copied yet or whose copy has grown old is looked up. That is done for
// one event of a group at a time: the first messages of a new group come while those
// who joined are being looked up, and need not ask for the same users.
func (f *function) rosterWith(ctx context.Context, ev *event.Timeline, wanted func(id.User, group.Member) bool) (*group.Roster, error) {
	for {
		roster, unknown, err := f.unknown(ctx, ev, wanted)
		if err != nil || len(unknown) == 0 {
			return roster, err
		}
		mine := false
		_, err, _ = f.lookingUp.Do(string(ev.Group), func() (any, error) {
			mine = true
			// Another event may just have come to know them.
			if roster, unknown, err = f.unknown(ctx, ev, wanted); err == nil && len(unknown) > 0 {
				roster, err = f.lookUp(ctx, ev.Group, roster, unknown)
			}
			return nil, err
		})
		if mine {
			return roster, err
		}
	}
}

// unknown lists those of a roster who are wanted and have to be looked up.
func (f *function) unknown(ctx context.Context, ev *event.Timeline, wanted func(id.User, group.Member) bool) (*group.Roster, []id.User, error) {
	roster, err := f.Groups.Roster(ctx, ev.Group, ev.Shards)
	if err != nil {
		return nil, nil, err
	}
	var unknown []id.User
	now := f.now()
	roster.Each(func(u id.User, m group.Member, targets *group.Targets) {
		if (targets == nil || targets.Doubtful(now)) && wanted(u, m) {
			unknown = append(unknown, u)
		}
	})
	return roster, unknown, nil
}

// lookUpAtOnce is how many users one read asks for.
const lookUpAtOnce = 500

// lookUp reads users' devices and settings, stores the copies in the roster and
// returns it with them.
func (f *function) lookUp(ctx context.Context, g id.Group, roster *group.Roster, users []id.User) (*group.Roster, error) {
	targets := make(map[id.User]group.Targets, len(users))
	for page := range slices.Chunk(users, lookUpAtOnce) {
		profiles, err := f.Users.Profiles(ctx, page)
		if err != nil {
			return nil, err
		}
		for u, p := range profiles {
			targets[u] = p.Targets(g)
		}
	}
	return f.Groups.Learn(ctx, g, roster, targets)
}

// audienceOf picks the devices that an entry notifies, asking notify of each member.
// level is the app's, for those who set none. A recall is for whom its message had
// notified: members already then, and not who sent it. missed, unless empty, are the
// only ones whom the event is about.
func audienceOf(roster *group.Roster, e group.Entry, missed []id.User, level notify.Level) (a audience) {
	m, mention := e.Notice(), e.Mentions()
	listed, only, own, named := set(e.To), set(missed), map[id.User]bool{}, map[id.User]bool{}
	toAll := mention != nil && mention.Type == group.MentionAll
	if mention != nil && !toAll {
		named = set(mention.Users)
	}
	if e.Kind == group.KindRecall {
		own = set(e.Users)
	}
	roster.Each(func(u id.User, record group.Member, targets *group.Targets) {
		if len(only) > 0 && !only[u] {
			return
		}
		member := notify.Member{
			Own: u == e.From || own[u], In: record.WasAt(e.Seq) && !(e.Target > 0 && record.Joined > e.Target), Listed: listed[u],
			Mention: notify.Mention{Me: named[u], All: toAll}, App: level,
		}
		if targets == nil {
			targets = &none
		}
		// The copy has the level of the conversation, or else of its type.
		member.Conversation, member.Quiet, member.Device = targets.Level, targets.Quiet, len(targets.Devices) > 0
		into := &a.everyone
		switch reason := notify.Decide(m, member); {
		case reason == notify.Folded:
			into = &a.folded
		case reason != notify.Pushed:
			return
		case member.Mention.Any():
			into = &a.mentioned
		}
		for _, d := range targets.Devices {
			*into = append(*into, event.PushTarget{User: u, Device: d.ID, Platform: d.Platform, Token: d.Token, Language: d.Language})
		}
	})
	return a
}

// none is for users whose devices nobody has looked up.
var none group.Targets

func set(users []id.User) map[id.User]bool {
	out := make(map[id.User]bool, len(users))
	for _, u := range users {
		out[u] = true
	}
	return out
}

func notification(ev *event.Timeline, e group.Entry, sender, text string, mentioned bool) event.Push {
	p := event.Push{
		Group: ev.Group, Seq: e.Seq, MessageUID: id.NewMessage(ev.Serial, e.Seq),
		From: e.From, Type: e.Type, At: e.At, Mentioned: mentioned,
		Name: ev.Name, Sender: sender, Body: shorten(text), Own: mentioned && e.Mention != nil && e.Mention.Text != "",
	}
	if e.Push != nil {
		p.Data, p.Ext, p.ContentAvailable = e.Push.Data, e.Push.Ext, e.Push.ContentAvailable
	}
	return p
}

// recallOf is the notification of a recall. It has the name of the message that
// was taken back, so that it takes the place of that one's on a phone.
func recallOf(ev *event.Timeline, e group.Entry, sender string) event.Push {
	p := notification(ev, e, sender, "", false)
	p.Kind, p.Admin = event.PushRecall, e.Admin
	p.Seq, p.MessageUID, p.Type = e.Target, id.NewMessage(ev.Serial, e.Target), message.RecallType
	return p
}

func shorten(text string) string {
	if len(text) <= maxText {
		return text
	}
	runes := []rune(text)
	if len(runes) <= maxText {
		return text
	}
	return string(runes[:maxText-1]) + "…"
}

// cut makes jobs of at most event.MaxPushTargets devices. The order is fixed,
// so that the same event cut again makes the same jobs.
func cut(p event.Push, part string, targets []event.PushTarget) []event.Push {
	slices.SortFunc(targets, func(a, b event.PushTarget) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Device, b.Device))
	})
	var jobs []event.Push
	for chunk := range slices.Chunk(targets, event.MaxPushTargets) {
		job := p
		job.Job = fmt.Sprintf("%s/%s/%d", p.MessageUID, part, len(jobs))
		job.Targets = chunk
		jobs = append(jobs, job)
	}
	return jobs
}
