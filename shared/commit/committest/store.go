// Package committest is the contract that every commit.Store keeps. The store
// in memory and the one on Firestore run the same suite, so that what is tested
// on the first holds on the second.
package committest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
)

// Store runs the contract against stores that open makes; each must be empty.
func Store(t *testing.T, open func(t *testing.T) commit.Store) {
	for name, check := range map[string]func(*testing.T, commit.Store){
		"fields come back as written":       roundTrip,
		"a missing document reads empty":    missing,
		"conditions guard the whole commit": conditions,
		"one of many writers wins":          race,
		"merge keeps other fields":          merge,
		"delete removes":                    remove,
		"queries":                           queries,
	} {
		t.Run(name, func(t *testing.T) { check(t, open(t)) })
	}
}

func must(t *testing.T, s commit.Store, writes ...commit.Write) time.Time {
	t.Helper()
	v, err := s.Commit(t.Context(), writes)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func get(t *testing.T, s commit.Store, path string, fields ...string) commit.Doc {
	t.Helper()
	docs, err := s.Get(t.Context(), []string{path}, fields...)
	if err != nil {
		t.Fatal(err)
	}
	return docs[0]
}

func roundTrip(t *testing.T, s commit.Store) {
	fields := commit.Fields{
		"text": "grüß", "number": int64(1) << 60, "flag": true, "bytes": []byte{0, 255, 1},
		"texts": []string{"a", "b"}, "numbers": []int64{3, -1}, "none": []string{},
		"time": time.UnixMicro(1_700_000_000_123_456).UTC(),
	}
	v := must(t, s, commit.Write{Path: "things/a", Fields: fields})
	d := get(t, s, "things/a")
	if !d.Version.Equal(v) {
		t.Errorf("version read %v, committed %v", d.Version, v)
	}
	// An empty list has no element to tell its type by; it may read as either.
	if n, ok := d.Fields["none"]; !ok || reflect.ValueOf(n).Len() != 0 {
		t.Errorf("empty list came back as %#v", n)
	}
	delete(fields, "none")
	delete(d.Fields, "none")
	if !reflect.DeepEqual(d.Fields, fields) {
		t.Errorf("read %#v, wrote %#v", d.Fields, fields)
	}
	if d := get(t, s, "things/a", "flag"); len(d.Fields) != 1 || d.Fields["flag"] != true {
		t.Errorf("a read of one field returned %#v", d.Fields)
	}
}

func missing(t *testing.T, s commit.Store) {
	must(t, s, commit.Write{Path: "things/b", Fields: commit.Fields{"x": int64(1)}})
	docs, err := s.Get(t.Context(), []string{"things/nope", "things/b", "things/none"})
	if err != nil {
		t.Fatal(err)
	}
	if docs[0].Exists() || !docs[1].Exists() || docs[2].Exists() || docs[0].Path != "things/nope" || docs[1].Path != "things/b" {
		t.Errorf("got %+v", docs)
	}
}

func conditions(t *testing.T, s commit.Store) {
	first := must(t, s, commit.Write{Path: "things/a", Fields: commit.Fields{"n": int64(1)}, If: commit.Condition{Absent: true}})
	second := must(t, s, commit.Write{Path: "things/a", Fields: commit.Fields{"n": int64(2)}, If: commit.Condition{Version: first}})
	if !second.After(first) {
		t.Errorf("versions do not rise: %v then %v", first, second)
	}
	for name, cond := range map[string]commit.Condition{"stale version": {Version: first}, "exists already": {Absent: true}} {
		_, err := s.Commit(t.Context(), []commit.Write{
			{Path: "things/other", Fields: commit.Fields{"n": int64(9)}},
			{Path: "things/a", Fields: commit.Fields{"n": int64(9)}, If: cond},
		})
		if !errors.Is(err, commit.ErrConflict) {
			t.Errorf("%s: %v, want ErrConflict", name, err)
		}
	}
	_, err := s.Commit(t.Context(), []commit.Write{{Path: "things/gone", Fields: commit.Fields{}, If: commit.Condition{Version: first}}})
	if !errors.Is(err, commit.ErrConflict) {
		t.Errorf("version of a missing document: %v, want ErrConflict", err)
	}
	if d := get(t, s, "things/a"); d.Fields["n"] != int64(2) {
		t.Errorf("a refused commit changed the document: %v", d.Fields)
	}
	if get(t, s, "things/other").Exists() {
		t.Error("half of a refused commit was applied")
	}
}

func race(t *testing.T, s commit.Store) {
	v := must(t, s, commit.Write{Path: "things/hot", Fields: commit.Fields{"n": int64(0)}})
	const writers = 8
	var wg sync.WaitGroup
	errs := make([]error, writers)
	for i := range writers {
		wg.Go(func() {
			// Each writes something new: Firestore leaves a document that a write
			// does not change at its version, and the next writer would win, too.
			_, errs[i] = s.Commit(context.WithoutCancel(t.Context()), []commit.Write{{Path: "things/hot", Fields: commit.Fields{"n": int64(i + 1)}, If: commit.Condition{Version: v}}})
		})
	}
	wg.Wait()
	won := 0
	for i, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, commit.ErrConflict) && !errors.Is(err, commit.ErrAborted):
			t.Errorf("writer %d: %v", i, err)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d writers won on the same precondition", won, writers)
	}
}

func merge(t *testing.T, s commit.Store) {
	must(t, s, commit.Write{Path: "things/m", Fields: commit.Fields{"a": int64(1), "b": int64(2)}})
	must(t, s, commit.Write{Path: "things/m", Fields: commit.Fields{"b": int64(3), "c": int64(4)}, Merge: true})
	if d := get(t, s, "things/m"); !reflect.DeepEqual(d.Fields, commit.Fields{"a": int64(1), "b": int64(3), "c": int64(4)}) {
		t.Errorf("merged to %v", d.Fields)
	}
	before := get(t, s, "things/m")
	only := commit.Write{Path: "things/m", Fields: commit.Fields{"b": int64(5)}, Merge: true, If: commit.Condition{Version: before.Version}}
	must(t, s, only)
	if _, err := s.Commit(t.Context(), []commit.Write{only}); !errors.Is(err, commit.ErrConflict) {
		t.Errorf("a field of an older version was merged: %v", err)
	}
	if d := get(t, s, "things/m"); !d.Version.After(before.Version) || !reflect.DeepEqual(d.Fields, commit.Fields{"a": int64(1), "b": int64(5), "c": int64(4)}) {
		t.Errorf("merged to %v, version %v after %v", d.Fields, d.Version, before.Version)
	}
	must(t, s, commit.Write{Path: "things/m", Fields: commit.Fields{"z": int64(1)}})
	if d := get(t, s, "things/m"); !reflect.DeepEqual(d.Fields, commit.Fields{"z": int64(1)}) {
		t.Errorf("replaced to %v", d.Fields)
	}
}

func remove(t *testing.T, s commit.Store) {
	must(t, s, commit.Write{Path: "things/d", Fields: commit.Fields{"a": int64(1)}})
	must(t, s, commit.Write{Path: "things/d", Delete: true})
	if get(t, s, "things/d").Exists() {
		t.Error("deleted document is still there")
	}
}

func queries(t *testing.T, s commit.Store) {
	var writes []commit.Write
	for i := range 5 {
		writes = append(writes,
			commit.Write{Path: fmt.Sprintf("rooms/r%d/parts/p1", i), Fields: commit.Fields{"who": []string{"ann", fmt.Sprintf("u%d", i)}, "n": int64(i)}},
			commit.Write{Path: fmt.Sprintf("rooms/r1/pages/%03d", i*10), Fields: commit.Fields{"n": int64(i), "name": fmt.Sprintf("page%d", i), "keys": []int64{int64(i), 100}}})
	}
	must(t, s, writes...)
	for _, c := range []struct {
		name string
		q    commit.Query
		want []string
	}{
		{"from an id on", commit.Query{Collection: "rooms/r1/pages", IDAtLeast: "015", Limit: 2}, []string{"rooms/r1/pages/020", "rooms/r1/pages/030"}},
		{"equals", commit.Query{Collection: "rooms/r1/pages", Field: "n", Equals: int64(3)}, []string{"rooms/r1/pages/030"}},
		{"rising from a value on", commit.Query{Collection: "rooms/r1/pages", Field: "n", AtLeast: int64(2), Limit: 2}, []string{"rooms/r1/pages/020", "rooms/r1/pages/030"}},
		{"falling from a value on", commit.Query{Collection: "rooms/r1/pages", Field: "n", AtMost: int64(2), Limit: 2, Select: []string{"keys"}}, []string{"rooms/r1/pages/020", "rooms/r1/pages/010"}},
		{"one of some texts", commit.Query{Collection: "rooms/r1/pages", InField: "name", In: []string{"page3", "page0", "nothing"}}, []string{"rooms/r1/pages/000", "rooms/r1/pages/030"}},
		{"one of some texts, rising from a value on", commit.Query{Collection: "rooms/r1/pages", InField: "name", In: []string{"page4", "page1", "page3"}, Field: "n", AtLeast: int64(2)}, []string{"rooms/r1/pages/030", "rooms/r1/pages/040"}},
		{"list of numbers contains", commit.Query{Collection: "rooms/r1/pages", Field: "keys", Contains: int64(2)}, []string{"rooms/r1/pages/020"}},
		{"all groups contain", commit.Query{Collection: "parts", AllGroups: true, Field: "who", Contains: "u2"}, []string{"rooms/r2/parts/p1"}},
		{"all groups, page", commit.Query{Collection: "parts", AllGroups: true, Field: "who", Contains: "ann", Offset: 3, Limit: 5, Select: []string{"n"}}, []string{"rooms/r3/parts/p1", "rooms/r4/parts/p1"}},
		{"a range in all groups", commit.Query{Collection: "parts", AllGroups: true, Field: "n", AtLeast: int64(1), AtMost: int64(3), Limit: 2, Select: []string{"n"}}, []string{"rooms/r1/parts/p1", "rooms/r2/parts/p1"}},
		{"a range in all groups, behind one that is gone", commit.Query{Collection: "parts", AllGroups: true, Field: "n", AtLeast: int64(1), AtMost: int64(3), After: commit.Doc{Path: "rooms/r1/parts/p2", Fields: commit.Fields{"n": int64(1)}}}, []string{"rooms/r2/parts/p1", "rooms/r3/parts/p1"}},
		{"falling, behind a document", commit.Query{Collection: "rooms/r1/pages", Field: "n", AtMost: int64(3), Limit: 2, After: commit.Doc{Path: "rooms/r1/pages/020", Fields: commit.Fields{"n": int64(2)}}}, []string{"rooms/r1/pages/010", "rooms/r1/pages/000"}},
		{"all groups by path, behind a document", commit.Query{Collection: "parts", AllGroups: true, Limit: 2, After: commit.Doc{Path: "rooms/r2/parts/p1"}}, []string{"rooms/r3/parts/p1", "rooms/r4/parts/p1"}},
		{"one collection, behind a document", commit.Query{Collection: "rooms/r1/pages", After: commit.Doc{Path: "rooms/r1/pages/025"}, Limit: 1}, []string{"rooms/r1/pages/030"}},
		{"nothing", commit.Query{Collection: "parts", AllGroups: true, Field: "who", Contains: "nobody"}, nil},
	} {
		docs, err := s.Query(t.Context(), c.q)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		for _, d := range docs {
			got = append(got, d.Path)
			if len(c.q.Select) > 0 && len(d.Fields) != len(c.q.Select) {
				t.Errorf("%s: selected %v, got %v", c.name, c.q.Select, d.Fields)
			}
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
	if docs, err := s.Query(t.Context(), commit.Query{Collection: "rooms/r1/pages", InField: "name", In: make([]string, commit.MaxIn+1)}); err == nil {
		t.Errorf("a query with more than %d values found %v", commit.MaxIn, docs)
	}
}
