package main

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// stage is what the calls work on: a small group whose newest messages are in
// its head, a big group, and a group whose first message has long been sealed.
type stage struct {
	*caller
	small, big, old, run string
	// fresh and sealed are messages that may be changed: one in the head, one in
	// a segment.
	fresh, sealed []string
}

const (
	bigMembers = 3000
	perCall    = 1000
	// oldMessages fill some segments.
	oldMessages = 200
	hello       = `{"content":"hello"}`
)

func form(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

func people(n, from int) []string {
	out := make([]string, 0, 2*n)
	for i := range n {
		out = append(out, "userId", fmt.Sprintf("person%04d", from+i))
	}
	return out
}

// prepare makes the groups, with names of their own so that the program can
// run twice on the same cloud.
func prepare(c *caller) (*stage, error) {
	run := strconv.FormatInt(time.Now().UnixMilli(), 36)
	s := &stage{caller: c, run: run, small: "small" + run, big: "big" + run, old: "old" + run}
	var errs []error
	do := func(path string, pairs ...string) map[string]any {
		reply, err := c.call(row{path: path, form: form(pairs...)})
		errs = append(errs, err)
		return reply
	}
	for _, g := range []string{s.small, s.old} {
		do("/group/create.json", append(people(3, 0), "groupId", g, "groupName", "Group")...)
	}
	for from := 0; from < bigMembers; from += perCall {
		do("/group/create.json", append(people(perCall, from), "groupId", s.big, "groupName", "Group")...)
	}
	for i := range oldMessages {
		if uid := s.publish(do, s.old); i < 4 {
			s.sealed = append(s.sealed, uid)
		}
	}
	for range 4 {
		s.fresh = append(s.fresh, s.publish(do, s.small))
	}
	do("/user/getToken.json", "userId", "person0000", "name", "Person")
	return s, errors.Join(errs...)
}

func (s *stage) publish(do func(string, ...string) map[string]any, group string) string {
	reply := do("/message/group/publish.json", "fromUserId", "person0000", "toGroupId", group, "objectName", "RC:TxtMsg", "content", hello, "expansion", "true")
	return firstUID(reply)
}

// warmed makes the same call once before it is measured.
func (s *stage) warmed(r row) row {
	r.before = func() error {
		_, err := s.call(row{path: r.path, form: r.form, json: r.json, query: r.query, refused: r.refused})
		return err
	}
	return r
}
