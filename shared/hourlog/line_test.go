package hourlog

import (
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

func TestALineIsAsTheContractHasIt(t *testing.T) {
	at := time.Date(2016, 4, 19, 13, 10, 48, 889e6, time.UTC).UnixMilli()
	uid := string(id.NewMessage(7, 3))
	begin := `2016/04/19 21:10:48{"appId":"app","fromUserId":"ann","targetId":"g","targetType":3,"GroupId":"g",`
	end := `,"dateTime":"2016-04-19 21:10:48.889","msgUID":"` + uid + `","timestamp":1461071448889`
	server := `,"source":"Server","isSensitiveWord":"false"}`
	for about, c := range map[string]struct {
		entry group.Entry
		want  string
	}{
		"from the app's server": {group.Entry{Kind: group.KindMessage, Type: "RC:TxtMsg", Content: `{"content":"hi"}`}, `"classname":"RC:TxtMsg","content":{"content":"hi"}` + end + server},
		"from a device":         {group.Entry{Kind: group.KindMessage, Type: "RC:TxtMsg", Content: `{"a":1}`, ClientID: "c"}, `"classname":"RC:TxtMsg","content":{"a":1}` + end + `,"isSensitiveWord":"false"}`},
		"from a phone":          {group.Entry{Kind: group.KindMessage, Type: "RC:TxtMsg", Content: `{"a":1}`, ClientID: "c", Source: "iOS"}, `"classname":"RC:TxtMsg","content":{"a":1}` + end + `,"source":"iOS","isSensitiveWord":"false"}`},
		"a text of its own":     {group.Entry{Kind: group.KindMessage, Type: "app:x", Content: "<b>\n& more"}, `"classname":"app:x","content":"<b>\n& more"` + end + server},
		"a list":                {group.Entry{Kind: group.KindMessage, Type: "app:x", Content: "[1]"}, `"classname":"app:x","content":"[1]"` + end + server},
		"an object over lines":  {group.Entry{Kind: group.KindMessage, Type: "app:x", Content: " {\n \"a\" : \"<&>\"\n}\n"}, `"classname":"app:x","content":{"a":"<&>"}` + end + server},
		"almost an object":      {group.Entry{Kind: group.KindMessage, Type: "app:x", Content: `{"a"}`}, `"classname":"app:x","content":"{\"a\"}"` + end + server},
		"recalled since":        {group.Entry{Kind: group.KindMessage, Type: "RC:TxtMsg", Recalled: 4}, `"classname":"RC:TxtMsg","content":""` + end + server},
		"a recall": {group.Entry{Kind: group.KindRecall, Target: 2, TargetAt: 5, Admin: true},
			`"classname":"RC:RcCmd","content":{"messageUId":"` + string(id.NewMessage(7, 2)) + `","conversationType":3,"targetId":"g","sentTime":5,"isAdmin":1,"isDelete":0}` + end + `,"isSensitiveWord":"false"}`},
	} {
		c.entry.Seq, c.entry.At, c.entry.From = 3, at, "ann"
		line, err := writer{app: "app", zone: zone(t, "Asia/Shanghai")}.line("g", 7, c.entry)
		if got := string(line[keyBytes:]); err != nil || got != begin+c.want+"\n" {
			t.Errorf("%s:\n%s\nwant\n%s", about, got, begin+c.want)
		}
	}
}

func TestKeysSortByTimeAndThenWithinTheGroup(t *testing.T) {
	w, last := writer{zone: time.UTC}, ""
	for _, c := range []struct {
		at, seq int64
		serial  id.Serial
	}{{9, 5, id.MaxSerial}, {10, 9, 1}, {10, 10, 1}, {10, id.MaxSeq, 1}, {10, 1, 2}, {1461071448889, 1, 1}} {
		line, err := w.line("g", c.serial, group.Entry{Kind: group.KindMessage, At: c.at, Seq: c.seq})
		if key := string(line[:keyBytes]); err != nil || key <= last || strings.Contains(key, "/") {
			t.Errorf("%+v has the key %q, behind %q", c, key, last)
		} else {
			last = key
		}
	}
}

func TestWhichEntriesHaveALine(t *testing.T) {
	p := newPress(t, "2026-11-24T10:30:00Z", "UTC")
	p.begins("g")
	first := p.says("g", `to all`)
	p.says("g", `to bob`, func(e *group.Entry) { e.To = []id.User{"bob"} })
	p.says("g", `kept nowhere`, func(e *group.Entry) { e.Unpersisted = true })
	p.says("g", `recalled`)
	p.ok(p.groups.Rename(t.Context(), "g", "Another name"))
	p.ok(p.groups.Recall(t.Context(), "g", first.UID, group.Recall{From: "ann"}))
	p.ok(p.groups.Dismiss(t.Context(), "g", "ann"))
	p.is("2026-11-24T11:06:00Z")
	p.ticks(p.logs)
	var got []any
	for _, line := range p.lines("2026112410") {
		l := p.read(line)
		if l.Content != nil && strings.HasPrefix(l.UID, string(first.UID)) && l.Content != "" {
			t.Errorf("a recalled message has its content: %s", line)
		}
		if m, ok := l.Content.(map[string]any); ok {
			l.Content = m["messageUId"]
		}
		got = append(got, l.Content)
	}
	if len(got) != 5 || got[0] != "" || got[1] != "to bob" || got[2] != "kept nowhere" || got[4] != string(first.UID) {
		t.Errorf("the log has %q", got)
	}
}
