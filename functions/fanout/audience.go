package fanout

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/message"
	"github.com/throng-im/throng/shared/notify"
)

// maxText bounds a notification's text in characters; a phone shows a few
// lines, and FCM takes 4,096 bytes with everything else.
const maxText = 1000

// jobs makes the push jobs for the messages and the recalls among the entries.
func (f *function) jobs(ctx context.Context, ev *event.Timeline, entries []group.Entry) ([]event.Push, error) {
	var jobs []event.Push
	var roster *group.Roster
	for _, e := range entries {
		text, ok := message.Notice(e)
		mentioned := e.Kind == group.KindMessage && e.Mention != nil && e.Mention.Text != "" && (e.Push == nil || !e.Push.Disabled)
		if !ok && !mentioned {
			continue
		}
		if roster == nil {
			var err error
			if roster, err = f.roster(ctx, ev, entries); err != nil {
				return nil, err
			}
		}
		name := roster.Member(e.From).Remark
		if name == "" {
			var err error
			if name, err = f.nameOf(ctx, e.From); err != nil {
				return nil, err
			}
		}
		everyone, named := audience(roster, e, f.now(), f.Settings.NotifyLevel)
		slog.InfoContext(ctx, "notifying", "group", ev.Group, "seq", e.Seq, "messageUID", id.NewMessage(ev.Serial, e.Seq), "devices", len(everyone)+len(named))
		if e.Kind == group.KindRecall {
			jobs = append(jobs, cut(recallOf(ev, e, name, text), "recall", everyone)...)
			continue
		}
		if ok {
			jobs = append(jobs, cut(notification(ev, e, name, text, false), "all", everyone)...)
		}
		if mentioned {
			text = e.Mention.Text
		}
		jobs = append(jobs, cut(notification(ev, e, name, text, true), "mentioned", named)...)
	}
	return jobs, nil
}

// roster returns the group's roster with the devices of everyone whom one of
// the messages may reach.
func (f *function) roster(ctx context.Context, ev *event.Timeline, entries []group.Entry) (*group.Roster, error) {
	roster, err := f.Groups.Roster(ctx, ev.Group, ev.Shards)
	if err != nil {
		return nil, err
	}
	var unknown []id.User
	first, last := entries[0].Seq, entries[0].Seq
	for _, e := range entries {
		first, last = min(first, e.Seq), max(last, e.Seq)
	}
	roster.Each(func(u id.User, m group.Member, targets *group.Targets) {
		if targets == nil && m.Within(first, last) {
			unknown = append(unknown, u)
		}
	})
	if len(unknown) == 0 {
		return roster, nil
	}
	found, err := f.lookUp(ctx, ev, unknown)
	if err != nil {
		return nil, err
	}
	return roster.With(found), nil
}

// audience picks the devices that an entry notifies at an instant: members when
// it was sent, those it was meant for, never its sender, nobody whose settings
// say no. level is for those who set none. Those whom a message mentions come
// apart, for they may be shown another text. A recall is for whom its message
// had notified: members already then, and not who sent it.
func audience(roster *group.Roster, e group.Entry, at time.Time, level notify.Level) (everyone, mentioned []event.PushTarget) {
	meant, named := set(e.To), map[id.User]bool{}
	toAll := e.Mention != nil && e.Mention.Type == group.MentionAll
	if e.Mention != nil && !toAll {
		named = set(e.Mention.Users)
	}
	var spared map[id.User]bool
	if e.Kind == group.KindRecall {
		spared = set(e.Users)
	}
	roster.Each(func(u id.User, m group.Member, targets *group.Targets) {
		if e.Target > 0 && m.Joined > e.Target || spared[u] {
			return
		}
		if targets == nil || u == e.From || !m.WasAt(e.Seq) || len(e.To) > 0 && !meant[u] {
			return
		}
		mention := notify.Mention{Me: named[u], All: toAll}
		if !notify.May(mention, at, targets.Quiet, targets.Level, level) {
			return
		}
		into := &everyone
		if mention.Me || mention.All {
			into = &mentioned
		}
		for _, d := range targets.Devices {
			*into = append(*into, event.PushTarget{User: u, Device: d.ID, Platform: d.Platform, Token: d.Token})
		}
	})
	return everyone, mentioned
}

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
		Title: ev.Name, Body: shorten(text),
	}
	switch {
	case sender == "":
	case p.Title == "":
		p.Title = sender
	default:
		p.Body = sender + ": " + p.Body
	}
	if e.Push != nil {
		p.Data, p.Ext, p.ContentAvailable = e.Push.Data, e.Push.Ext, e.Push.ContentAvailable
	}
	return p
}

// recallOf is the notification of a recall. It has the name of the message that
// was taken back, so that it takes the place of that one's on a phone.
func recallOf(ev *event.Timeline, e group.Entry, sender, text string) event.Push {
	if sender != "" && !e.Admin {
		text = sender + " recalled a message"
	}
	p := notification(ev, e, "", text, false)
	p.Seq, p.MessageUID, p.Type = e.Target, id.NewMessage(ev.Serial, e.Target), message.RecallType
	if p.Title == "" {
		p.Title = sender
	}
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
