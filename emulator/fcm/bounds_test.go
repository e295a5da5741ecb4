package fcm

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestTheRingKeepsTheNewest fills the ring with more than it holds, by number
// and by size.
func TestTheRingKeepsTheNewest(t *testing.T) {
	var p pushes
	var at clock
	for range MaxPushes + 1500 {
		p.add(request{target: "t", raw: json.RawMessage(`{}`)}, &at)
	}
	kept := p.after(0)
	if len(kept) != MaxPushes || kept[0].ID != messageID(1501) || kept[MaxPushes-1].ID != messageID(MaxPushes+1500) || p.bytes != 2*MaxPushes {
		t.Errorf("%d are kept, from %s, with %d bytes", len(kept), kept[0].ID, p.bytes)
	}
	if got := p.after(MaxPushes + 1498); len(got) != 2 {
		t.Errorf("%d are behind the last but two", len(got))
	}
	large := json.RawMessage(strings.Repeat(" ", maxPushBytes/4))
	for range 6 {
		p.add(request{target: "t", raw: large}, &at)
	}
	if got := p.after(0); len(got) != 4 || p.bytes > maxPushBytes {
		t.Errorf("%d large ones are kept, with %d bytes", len(got), p.bytes)
	}
	p.forget()
	if p.add(request{}, &at); len(p.after(0)) != 1 {
		t.Error("it does not go on after it was forgotten")
	}
}

func TestPhonesAreBounded(t *testing.T) {
	s := New()
	now := time.Now()
	for i := range maxPhones + 10_000 {
		s.with(fmt.Sprint("t", i), now, true, func(*phone) {})
	}
	if _, total := s.newest("", 1, 0); total > maxPhones || total < maxPhones*9/10 {
		t.Errorf("%d phones are remembered", total)
	}
	if s.with(fmt.Sprint("t", 1), now, false, func(*phone) {}) {
		t.Error("the oldest is still there")
	}
	// By what they take.
	s = New()
	for i := range 100 {
		s.with(fmt.Sprint("t", i), now, true, func(p *phone) { p.size = maxPhoneBytes / shards })
	}
	if _, total := s.newest("", 1, 0); total > shards {
		t.Errorf("%d large phones are remembered", total)
	}
}

func TestOnePhoneIsBounded(t *testing.T) {
	p := &phone{token: "t", platform: ios, off: true, counts: &counts{}, app: Throng}
	limits := DefaultQuotas
	now := time.Now()
	for i := range 1000 {
		m := map[string]any{"apns": map[string]any{"payload": map[string]any{"aps": map[string]any{"alert": fmt.Sprint(i)}}}}
		p.receive(arrive(m, ios, fmt.Sprint(i), now), &limits, now)
	}
	if len(p.stored) > maxStored || len(p.log) > maxLog {
		t.Errorf("%d wait, %d lines are logged", len(p.stored), len(p.log))
	}
	p.off = false
	for i := range 2000 {
		m := map[string]any{"data": map[string]any{"group": fmt.Sprint(i), "seq": "1", "messageUID": fmt.Sprint(i), "kind": map[bool]string{true: "clear"}[i%2 == 0]}}
		p.receive(arrive(m, ios, fmt.Sprint(i), now), &limits, now)
	}
	if len(p.screen.shown) > maxShown || len(p.screen.marks) > maxMarks || len(p.log) > maxLog {
		t.Errorf("%d are shown, %d marks, %d lines", len(p.screen.shown), len(p.screen.marks), len(p.log))
	}
}

// TestSizesAreThoseOfJSON holds the counted sizes to encoded ones.
func TestSizesAreThoseOfJSON(t *testing.T) {
	for _, text := range []string{`{}`, `{"a":[1,2.5,true,false,"x\n\"é群"],"b":{"c":{}},"d":[]}`, `"\u0001"`, `-120`} {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		again, _ := json.Marshal(v)
		if got := encoded(v); got != len(again) {
			t.Errorf("%s has %d bytes, not %d", again, len(again), got)
		}
	}
}

// FuzzMember holds the copy of a message to what the decoder finds there.
func FuzzMember(f *testing.F) {
	for _, seed := range []string{`{"message":{"token":"t"}}`, ` { "a" : [1,{"message":2}] , "message" : "x\\\"{" , "b":{} } `, `{"m\u0065ssage":1,"message":[{}]}`, `{"":":","message":null}`, `{}`, `[{"message":1}]`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &want) != nil || want == nil {
			return
		}
		if got := member([]byte(text), "message"); string(got) != string(want["message"]) {
			t.Errorf("%q: %q, not %q", text, got, want["message"])
		}
	})
}

func FuzzCondition(f *testing.F) {
	for _, seed := range []string{"'a' in topics", "!('a' in topics) && \"b\" in topics || 'c' in topics", "((", "'a'in topics"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		err := checkCondition(text)
		if topics := strings.Count(text, "topics"); err == nil && (topics == 0 || topics < strings.Count(text, "&&")+1) {
			t.Errorf("%q was taken", text)
		}
		if err == nil && checkCondition("!("+text+")") != nil && strings.Count(text, "(") < maxConditionDepth-2 && strings.Count(text, "!") == 0 {
			t.Errorf("%q is taken, and its opposite is not", text)
		}
	})
}
