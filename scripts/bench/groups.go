package main

import (
	"context"
	"fmt"
	"net/url"
	"time"
)

// some makes a variant of an operation that one caller does some times a round.
func some(name string, p process, times int, op func(n int) error) variant {
	n := 0
	return variant{name, func(int, int, time.Duration) (sample, error) {
		return p.observe(func() (sample, error) {
			return repeat(times, func() error { n++; return op(n) })
		})
	}, always}
}

// groupTable measures creating a group and joining it.
func (t *town) groupTable(_ context.Context, r *report) error {
	flat := func(path, group string, count int) error {
		_, err := once(t.alternatives.base, path, url.Values{"groupId": {group}, "count": {fmt.Sprint(count)}}.Encode())
		return err
	}
	creates := []variant{
		some("Throng", t.groups, 2, func(n int) error { return t.createGroup(fmt.Sprint("made", n), t.members) }),
		some("a document per member", t.alternatives, 1, func(n int) error { return flat("/members/create.json", fmt.Sprint("made", n), t.members) }),
	}
	const joiners = 30
	if err := t.createGroup("joined", max(t.members-joiners*(t.rounds+1), 1)); err != nil {
		return err
	}
	joins := []variant{
		some("Throng", t.groups, joiners, func(n int) error {
			_, err := once(t.groups.base, "/group/join.json", url.Values{"groupId": {"joined"}, "groupName": {"Group joined"}, "userId": {fmt.Sprint("new", n)}}.Encode())
			return err
		}),
		some("a document per member", t.alternatives, joiners, func(n int) error { return flat("/members/join.json", "joined", n) }),
	}
	out := table{Name: "group", Title: fmt.Sprintf("Create a group of %d members, and join one", t.members), Unit: "operations/s",
		Note: fmt.Sprintf("Throng's create is %d calls, for the contract allows %d users in one", (t.members+perCall-1)/perCall, perCall)}
	for _, what := range []struct {
		name     string
		variants []variant
	}{{fmt.Sprintf("create with %d members", t.members), creates}, {"join one", joins}} {
		row, err := t.sendRow(what.variants, 1, 1)
		if err != nil {
			return err
		}
		row.Name = what.name
		out.Rows = append(out.Rows, row)
	}
	r.add(out)
	return nil
}

// readTable measures reading what was said, by one reader and by many.
func (t *town) readTable(_ context.Context, r *report) error {
	const stored = 1100
	if err := t.createGroup("talk", smallGroup); err != nil {
		return err
	}
	// One at a time, so that segments are as a quiet group makes them.
	say := url.Values{"fromUserId": {"ann"}, "objectName": {"bench"}, "content": {content}, "toGroupId": {"talk"}}.Encode()
	l, err := dial(t.messages.base)
	if err != nil {
		return err
	}
	defer l.close()
	for range stored {
		if _, err := l.post("/message/group/publish.json", say); err != nil {
			return err
		}
	}
	if _, err := once(t.alternatives.base, "/counter/fill.json", url.Values{"groupId": {"talk"}, "content": {content}, "count": {fmt.Sprint(stored)}}.Encode()); err != nil {
		return err
	}
	reader := func(name, path string, count int) variant {
		form := url.Values{"groupId": {"talk"}, "count": {fmt.Sprint(count)}}.Encode()
		return variant{name, func(senders, _ int, per time.Duration) (sample, error) {
			return t.alternatives.observe(func() (sample, error) {
				return storm(senders, per, posts(t.alternatives.base, path, func(int64) string { return form }, anything))
			})
		}, always}
	}
	out := table{Name: "read", Title: "Read what was said", Unit: "reads/s",
		Note: "behind the same HTTP layer and without a cache; no function of Throng serves history yet, so its reads are those of the package that will"}
	for _, count := range []int{50, 1000} {
		variants := []variant{reader("Throng", "/throng/last.json", count), reader("a document per message", "/counter/last.json", count)}
		for _, readers := range []int{1, 16} {
			row, err := t.sendRow(variants, readers, 1)
			if err != nil {
				return err
			}
			row.Name = fmt.Sprintf("last %d messages, %d readers", count, readers)
			out.Rows = append(out.Rows, row)
		}
	}
	r.add(out)
	return nil
}
