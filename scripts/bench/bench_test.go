package main

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"
)

// TestTheModelKnowsItsLimits checks the paper model where the answer is plain.
func TestTheModelKnowsItsLimits(t *testing.T) {
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 0.01*want {
			t.Errorf("%s: %.3f, want %.3f", what, got, want)
		}
	}
	m := model{Commit: 0.03, Publish: 0.03}
	commits := func(rate float64) float64 { n, _ := m.play(load{rate, 3600}); return n }
	latency := func(rate float64) float64 { _, l := m.play(load{rate, 3600}); return l }
	near("a quiet group commits each message", commits(2), 2)
	near("and answers after a commit and a publish", latency(2), 0.06)
	near("a busy group commits one after the other", commits(1000), 1/0.03)
	m.Linger = 0.1
	near("lingering slows a busy group", commits(1000), 1/0.13)
	near("but never a quiet one", commits(1), 1)
	near("nor its answers", latency(1), 0.06)
	m.Serial = 5
	near("a contended document takes what it takes", commits(1000), 5)
	small, large := m.scale(1e6, usualCPU), m.scale(1e8, usualCPU)
	near("a hundred times the people cost a hundred times as much", large.perSecond*large.dollars, 100*small.perSecond*small.dollars)
	if small.inboxCosts < 10*small.dollars {
		t.Errorf("an inbox per member costs %.2g a message, Throng %.2g", small.inboxCosts, small.dollars)
	}
}

// TestChartsAreDrawings parses what chart draws.
func TestChartsAreDrawings(t *testing.T) {
	r := newReport(options{per: time.Second, rounds: 3})
	for _, name := range []string{"send", "linger", "fanout", "scale"} {
		drawn := chart(table{Name: name, Title: "A <title> & more", Unit: "things/s", Rows: []row{{Name: "a row", Variants: []measured{
			{Variant: "one", Rate: 1234, Low: 1000, High: 2000, P50: 3, Writes: 0.5, DollarsPerMillion: 2},
			{Variant: "two", Rate: 0.5, Low: 0.5, High: 0.5, P50: 1, Writes: 1, DollarsPerMillion: 2000, Predicted: true},
		}}}}, r)
		dec := xml.NewDecoder(strings.NewReader(drawn))
		for {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, drawn)
			}
		}
	}
}

func TestTheMiddleOfTheRounds(t *testing.T) {
	m := middle("x", []sample{{Rate: 30, P50: 3}, {Rate: 10, P50: 1}, {Rate: 20, P50: 2}})
	if m.Rate != 20 || m.P50 != 2 || m.Low != 10 || m.High != 30 {
		t.Errorf("%+v", m)
	}
}
