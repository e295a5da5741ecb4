package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// region is a production-like time for one call to Firestore or Pub/Sub.
const region = "30ms"

// lingerRates are the messages a second that come in, whatever the answers do.
var lingerRates = []int{1, 3, 20, 100, 500, 2000}

// lingerTable sends at fixed rates to one group in a region of 30 ms a call, with
// and without linger, and where a document takes five writes a second only.
func (t *town) lingerTable(_ context.Context, r *report) error {
	variants := []struct {
		name           string
		env            []string
		linger, serial float64
	}{
		{"no linger", []string{"THRONG_LINGER=0"}, 0, 0},
		{"linger", nil, 0.1, 0},
		{"linger, 5 writes/s a document", []string{"THRONG_SERIAL=5"}, 0.1, 5},
	}
	delay, err := time.ParseDuration(region)
	if err != nil {
		return err
	}
	m, err := t.calibrate(delay)
	if err != nil {
		return err
	}
	per := max(4*t.per, time.Second)
	var agreements []string
	out := table{Name: "linger", Title: "One group in a region of " + region + " a call: what a rate of messages costs in writes", Unit: "messages/s",
		Note: "messages come at a fixed rate; p50 and p99 are from when a message was due to its answer; the head is written once a commit"}
	for _, rate := range lingerRates {
		out.Rows = append(out.Rows, row{Name: fmt.Sprintf("%d messages/s", rate)})
	}
	for _, v := range variants {
		p, err := start(t.launcher, []string{"function", "messages"}, append([]string{"GOOGLE_CLOUD_PROJECT=" + quietProject, "THRONG_LATENCY=" + region}, v.env...))
		if err != nil {
			return err
		}
		for i, rate := range lingerRates {
			t.hot++
			name := fmt.Sprint("hot", t.hot)
			err = t.createGroup(name, 1)
			var s sample
			if err == nil {
				s, err = p.observe(func() (sample, error) { return paced(p.base, name, rate, per) })
			}
			if err == nil {
				err = t.checkHot(name, s.Operations)
			}
			if err != nil {
				p.stop()
				return fmt.Errorf("%s, %d/s: %w", v.name, rate, err)
			}
			got := middle(v.name, []sample{s})
			m.Linger, m.Serial = v.linger, v.serial
			predicted, how := m.compare(v.name, rate, per.Seconds(), got)
			agreements = append(agreements, how)
			out.Rows[i].Variants = append(out.Rows[i].Variants, got, predicted)
		}
		p.stop()
	}
	r.add(out)
	fmt.Printf("\nthe model against these measurements:\n  %s\n", strings.Join(agreements, "\n  "))
	return nil
}

// paced sends messages when they are due, not when the last was answered.
func paced(base, group string, rate int, per time.Duration) (sample, error) {
	form := url.Values{"fromUserId": {"ann"}, "objectName": {"bench"}, "content": {content}, "toGroupId": {group}}.Encode()
	total := max(int(float64(rate)*per.Seconds()), 1)
	lines := make(chan *line, 4096) // idle connections
	var (
		mu     sync.Mutex
		took   []time.Duration
		failed error
		wg     sync.WaitGroup
	)
	defer func() {
		close(lines)
		for l := range lines {
			l.close()
		}
	}()
	send := func(due time.Time) error {
		var l *line
		var err error
		select {
		case l = <-lines:
		default:
			if l, err = dial(base); err != nil {
				return err
			}
		}
		answer, err := l.post("/message/group/publish.json", form)
		if err != nil {
			l.close()
			return err
		}
		if err := hasUID(answer); err != nil {
			return err
		}
		mu.Lock()
		took = append(took, time.Since(due))
		mu.Unlock()
		select {
		case lines <- l:
		default:
			l.close()
		}
		return nil
	}
	started := time.Now()
	for i := range total {
		due := started.Add(time.Duration(i) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		wg.Go(func() {
			if err := send(due); err != nil {
				mu.Lock()
				failed = errors.Join(failed, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return sample{}, failed
	}
	elapsed := time.Since(started)
	slices.Sort(took)
	return summary(took, elapsed), nil
}

// processTable sends to one group through several processes at once, which meet
// on its document.
func (t *town) processTable(_ context.Context, r *report) error {
	others := []process{t.messages}
	for len(others) < 4 {
		p, err := start(t.launcher, []string{"function", "messages"}, []string{"GOOGLE_CLOUD_PROJECT=" + quietProject})
		if err != nil {
			return err
		}
		defer p.stop()
		others = append(others, p)
	}
	out := table{Name: "processes", Title: "One group through several processes, 64 senders each", Unit: "messages/s",
		Note: "documents, CPU and allocations are those of the first process for one of its messages"}
	for _, n := range []int{1, 2, 4} {
		var samples []sample
		for range t.rounds {
			s, err := t.meet(others[:n])
			if err != nil {
				return err
			}
			samples = append(samples, s)
		}
		out.Rows = append(out.Rows, row{Name: fmt.Sprintf("%d processes", n), Variants: []measured{middle("Throng", samples)}})
	}
	r.add(out)
	return nil
}

func (t *town) meet(processes []process) (sample, error) {
	target := t.targets(1)
	if err := t.createGroup(target(0), t.members); err != nil {
		return sample{}, err
	}
	form := url.Values{"fromUserId": {"ann"}, "objectName": {"bench"}, "content": {content}, "toGroupId": {target(0)}}.Encode()
	s, err := processes[0].observe(func() (sample, error) {
		return storm(64*len(processes), t.per, func(sender int) (operation, func(), error) {
			return posts(processes[sender%len(processes)].base, "/message/group/publish.json", func(int64) string { return form }, hasUID)(sender)
		})
	})
	if err != nil {
		return s, err
	}
	n := float64(len(processes)) // what was observed is one process's part
	s.Reads, s.Writes, s.CPU, s.Allocs, s.AllocBytes = s.Reads*n, s.Writes*n, s.CPU*n, s.Allocs*n, s.AllocBytes*n
	return s, t.checkHot(target(0), s.Operations)
}
