package commit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Memory is a Store in memory with Firestore's semantics: atomic commits,
// preconditions, one version per commit, rising. It passes the same contract
// suite as the real one and is for tests of the rules. The zero value is ready.
type Memory struct {
	// Before and After, when set, run around every commit and may fail it:
	// Before as if the store had refused it, After as if the answer was lost.
	Before, After func(writes []Write) error

	hooks sync.Mutex
	mu    sync.Mutex
	docs  map[string]Doc
	clock time.Time
}

// Get implements Reader.
func (m *Memory) Get(ctx context.Context, paths []string, fields ...string) ([]Doc, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]Doc, len(paths))
	for i, p := range paths {
		out[i] = project(m.docs[p], fields)
		out[i].Path = p
	}
	return out, ctx.Err()
}

// Query implements Reader.
func (m *Memory) Query(ctx context.Context, q Query) ([]Doc, error) {
	if len(q.In) > MaxIn {
		return nil, fmt.Errorf("a query compares with %d values, more than %d", len(q.In), MaxIn)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Doc
	for _, d := range m.docs {
		if q.matches(d) {
			found = append(found, d)
		}
	}
	slices.SortFunc(found, q.compare)
	if q.After.Path != "" {
		found = slices.DeleteFunc(found, func(d Doc) bool { return q.compare(d, q.After) <= 0 })
	}
	found = found[min(q.Offset, len(found)):]
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	for i, d := range found {
		found[i] = project(d, q.Select)
	}
	return found, ctx.Err()
}

// All returns every document there is, for tests that look through everything.
func (m *Memory) All() []Doc {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.SortedFunc(maps.Values(m.docs), func(a, b Doc) int { return cmp.Compare(a.Path, b.Path) })
}

// compare orders by the field of a range, else by path.
func (q Query) compare(a, b Doc) int {
	byPath := slices.Compare(strings.Split(a.Path, "/"), strings.Split(b.Path, "/"))
	if q.AtLeast == nil && q.AtMost == nil {
		return byPath
	}
	x, _ := a.Fields[q.Field].(int64)
	y, _ := b.Fields[q.Field].(int64)
	order := cmp.Or(cmp.Compare(x, y), byPath)
	if q.Falling() {
		return -order
	}
	return order
}

// Falling says whether the result is ordered by the field, falling.
func (q Query) Falling() bool { return q.AtMost != nil && q.AtLeast == nil }

func (q Query) matches(d Doc) bool {
	cut := strings.LastIndexByte(d.Path, '/')
	parent, docID := d.Path[:cut], d.Path[cut+1:]
	if q.AllGroups {
		parent = parent[strings.LastIndexByte(parent, '/')+1:]
	}
	if parent != q.Collection || q.IDAtLeast != "" && docID < q.IDAtLeast {
		return false
	}
	if q.InField != "" {
		if text, ok := d.Fields[q.InField].(string); !ok || !slices.Contains(q.In, text) {
			return false
		}
	}
	switch value := d.Fields[q.Field]; {
	case q.Field == "":
		return true
	case q.AtLeast != nil || q.AtMost != nil:
		n, ok := value.(int64)
		least, isLeast := q.AtLeast.(int64)
		most, isMost := q.AtMost.(int64)
		return ok && (!isLeast || n >= least) && (!isMost || n <= most)
	case q.Contains == nil:
		return value == q.Equals
	default:
		switch list := value.(type) {
		case []string:
			want, ok := q.Contains.(string)
			return ok && slices.Contains(list, want)
		case []int64:
			want, ok := q.Contains.(int64)
			return ok && slices.Contains(list, want)
		}
		return false
	}
}

func project(d Doc, fields []string) Doc {
	if d.Exists() && len(fields) > 0 {
		kept := Fields{}
		for _, f := range fields {
			if v, ok := d.Fields[f]; ok {
				kept[f] = v
			}
		}
		d.Fields = kept
	} else if d.Exists() {
		d.Fields = maps.Clone(d.Fields)
	}
	return d
}

// Fail sets Before and After, also while somebody commits whom nobody waits for.
func (m *Memory) Fail(before, after func(writes []Write) error) {
	m.hooks.Lock()
	defer m.hooks.Unlock()
	m.Before, m.After = before, after
}

// Die has commits fail as for a process that is killed at its n-th from now on, which
// lands or does not. died says whether it has come to that.
func (m *Memory) Die(n int, lands bool) (died func() bool) {
	var count atomic.Int64
	last, killed := int64(n), fmt.Errorf("killed: %w", ErrUnknown)
	m.Fail(func([]Write) error {
		switch at := count.Add(1); {
		case at > last:
			return errors.New("dead")
		case at == last && !lands:
			return killed
		}
		return nil
	}, func([]Write) error {
		if count.Load() >= last {
			return killed
		}
		return nil
	})
	return func() bool { return count.Load() >= last }
}

// Calm takes Before and After away.
func (m *Memory) Calm() { m.Fail(nil, nil) }

// Clone is a store with the same documents, which goes its own way from here on.
func (m *Memory) Clone() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	// A commit replaces documents and changes none.
	return &Memory{docs: maps.Clone(m.docs), clock: m.clock}
}

// Commit implements Store.
func (m *Memory) Commit(ctx context.Context, writes []Write) (time.Time, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	m.hooks.Lock()
	before, after := m.Before, m.After
	m.hooks.Unlock()
	if before != nil {
		if err := before(writes); err != nil {
			return time.Time{}, err
		}
	}
	version, err := m.apply(writes)
	if err == nil && after != nil {
		err = after(writes)
	}
	if err != nil {
		return time.Time{}, err
	}
	return version, nil
}

func (m *Memory) apply(writes []Write) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range writes {
		d := m.docs[w.Path]
		if w.If.Absent && d.Exists() || !w.If.Version.IsZero() && !d.Version.Equal(w.If.Version) {
			return time.Time{}, fmt.Errorf("%s: %w", w.Path, ErrConflict)
		}
	}
	if m.docs == nil {
		m.docs = map[string]Doc{}
	}
	m.clock = m.clock.Add(time.Microsecond)
	if now := time.Now().Truncate(time.Microsecond); now.After(m.clock) {
		m.clock = now
	}
	for _, w := range writes {
		switch fields := maps.Clone(w.Fields); {
		case w.Delete:
			delete(m.docs, w.Path)
		case w.Merge:
			merged := maps.Clone(m.docs[w.Path].Fields)
			if merged == nil {
				merged = Fields{}
			}
			maps.Copy(merged, fields)
			m.docs[w.Path] = Doc{Path: w.Path, Fields: merged, Version: m.clock}
		default:
			m.docs[w.Path] = Doc{Path: w.Path, Fields: fields, Version: m.clock}
		}
	}
	return m.clock, nil
}
