package hourlog

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestAnHourThatFailsDoesNotKeepTheOthersFromBeingErased: one cannot be made, cannot be
// read, or cannot be told whether it is done. The others are without what was to go, and
// in the end it is told.
func TestAnHourThatFailsDoesNotKeepTheOthersFromBeingErased(t *testing.T) {
	for about, c := range map[string]struct {
		fails func(p *press)
		// left is the hour of what may be left.
		left string
		// passes says that it does not fail again.
		passes bool
	}{
		"it cannot be made": {func(p *press) {
			p.is("2026-11-24T11:30:00Z")
			p.says("g", "bad at eleven")
			p.is("2026-11-24T12:06:00Z")
			p.put("work/20261124T1100Z/progress", "{")
		}, "", true},
		"its file cannot be read": {func(p *press) { p.breaks("files/20261124T0900Z/") }, "", false},
		"its mark cannot be read": {func(p *press) { p.breaks("hours/20261124T0900Z") }, "20261124T0900Z", false},
	} {
		p := hours(t)
		p.put("work/20261124T1000Z/left", "bad") // by who died making the hour
		p.put("files/20261124T1000Z/dead/2026112410.zip", "bad")
		c.fails(p)
		if err := p.logs.Erase(t.Context(), notBad); err == nil {
			t.Errorf("%s: all was erased", about)
		}
		left := slices.DeleteFunc(p.having("bad"), func(key string) bool { return c.left != "" && strings.Contains(key, c.left) })
		if len(left) > 0 {
			t.Errorf("%s: left is %q", about, left)
		}
		if lines := p.lines("2026112410"); len(lines) != 1 {
			t.Errorf("%s: the lines of another hour are %q", about, lines)
		}
		if c.passes {
			// Its working files are gone, so that it is made from the beginning.
			p.ok(p.logs.Erase(t.Context(), notBad))
			if left := p.having("bad"); len(left) > 0 || len(p.lines("2026112409")) != 1 {
				t.Errorf("%s: once more, left is %q", about, left)
			}
		}
	}
}

// breaks makes nonsense of the objects whose names begin so.
func (p *press) breaks(prefix string) {
	p.Helper()
	broken := 0
	for _, key := range p.objects() {
		if strings.HasPrefix(key, prefix) {
			broken++
			p.put(key, "{")
		}
	}
	if broken == 0 {
		p.Fatalf("there is no %s", prefix)
	}
}

// TestAnHourThatFailsDoesNotKeepTheOthersFromBeingSearched, which is told in the end.
func TestAnHourThatFailsDoesNotKeepTheOthersFromBeingSearched(t *testing.T) {
	for _, broken := range []string{"files/20261124T0900Z/", "hours/20261124T0900Z"} {
		p := hours(t)
		p.breaks(broken)
		if all, err := p.searched(p.logs, func(string) {}); err == nil || all != "bad at ten, good at ten, " {
			t.Errorf("without %s: %q, %v", broken, all, err)
		}
	}
}

// TestASearchEndsWhenWhoSearchesSaysSo, though another hour has failed before.
func TestASearchEndsWhenWhoSearchesSaysSo(t *testing.T) {
	p := hours(t)
	p.is("2026-11-24T11:30:00Z")
	p.says("g", "good at eleven")
	p.is("2026-11-24T12:06:00Z")
	p.ticks(p.logs)
	p.forgets("files/20261124T0900Z/")
	enough, visits := errors.New("enough"), 0
	err := p.logs.Lines(t.Context(), func(Line) error { visits++; return enough })
	if !errors.Is(err, enough) || !errors.Is(err, errMissing) || visits != 1 {
		t.Errorf("%d visits: %v", visits, err)
	}
}

// TestTheEndOfAContextEndsASearch before the next hour is looked at.
func TestTheEndOfAContextEndsASearch(t *testing.T) {
	p := hours(t)
	ctx, end := context.WithCancel(t.Context())
	defer end()
	var after []string
	l := p.seeing(func(key string) {
		if ctx.Err() != nil {
			after = append(after, key)
		}
	})
	err := l.Lines(ctx, func(Line) error { end(); return nil })
	if !errors.Is(err, context.Canceled) || len(after) > 0 {
		t.Errorf("read after the end: %q, %v", after, err)
	}
}

// TestTheEndOfAContextEndsAnErasing between its steps.
func TestTheEndOfAContextEndsAnErasing(t *testing.T) {
	p := hours(t)
	p.is("2026-11-24T12:06:00Z")
	ctx, end := context.WithCancel(t.Context())
	defer end()
	p.put("work/20261124T1200Z/run", "of the next hour")
	p.put("files/20261124T0900Z/dead/x.zip", "of somebody who died")
	l := p.seeing(func(key string) {
		if strings.HasPrefix(key, "work/20261124T1100Z/") {
			end() // while it makes what is due
		}
	})
	before := p.having("bad")
	err := l.Erase(ctx, notBad)
	if !errors.Is(err, context.Canceled) || len(p.having("bad")) != len(before) {
		t.Errorf("an erasing went on after its end: %q, %v", p.objects(), err)
	}
	if all := p.objects(); !slices.Contains(all, "work/20261124T1200Z/run") || !slices.Contains(all, "files/20261124T0900Z/dead/x.zip") {
		t.Errorf("an erasing went on after its end: %q", all)
	}
}
