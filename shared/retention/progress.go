package retention

import (
	"context"
	"errors"
	"time"

	"github.com/throng-im/throng/shared/commit"
)

// Progress is how far one round of a task is.
type Progress struct {
	Task string
	// Began is when the round began; Done says that it is over.
	Began time.Time
	Done  bool
	// Reads, Removed and Changed count documents, of the round so far.
	Reads, Removed, Changed int

	at      place
	due     bool
	rules   string
	version time.Time
}

// place is where a task goes on: behind a document, whose value is that of the field
// by which the task goes. The zero place is the beginning.
type place struct {
	path  string
	value int64
}

// doc is the place for a query by a field.
func (p place) doc(field string) commit.Doc {
	if p.path == "" {
		return commit.Doc{}
	}
	return commit.Doc{Path: p.path, Fields: commit.Fields{field: p.value}}
}

func at(d commit.Doc, field string) place {
	value, _ := d.Fields[field].(int64)
	return place{d.Path, value}
}

// load reads a task's progress. A round that is over, or that began under other
// settings, gives way to a new one once that is due. A dry run begins anew.
func (r *run) load(ctx context.Context, t task) (Progress, error) {
	fresh := Progress{Task: t.name, Began: r.now, due: true, rules: r.Rules.String()}
	if r.Dry {
		fresh.due = !r.seen[t.name]
		r.seen[t.name] = true
		return fresh, nil
	}
	docs, err := r.Store.Get(ctx, []string{path(t.name)})
	if err != nil {
		return fresh, err
	}
	fresh.version = docs[0].Version
	old := read(t.name, docs[0])
	switch {
	case !docs[0].Exists(), old.rules != fresh.rules:
		return fresh, nil
	case !old.Done:
		old.due = true
		return old, nil
	default:
		fresh.due = round(r.now, t.every) > round(old.Began, t.every)
		return fresh, nil
	}
}

// round numbers the rounds of which one begins every so often: those of a day when
// another day is over.
func round(at time.Time, every time.Duration) int64 {
	return at.Add(-slack).UnixMilli() / every.Milliseconds()
}

func path(task string) string { return "retention/" + task }

func read(task string, d commit.Doc) Progress {
	number := func(field string) int64 { n, _ := d.Fields[field].(int64); return n }
	p := Progress{
		Task: task, Began: time.UnixMilli(number("began")), Reads: int(number("reads")), Removed: int(number("removed")),
		Changed: int(number("changed")), at: place{value: number("value")}, version: d.Version,
	}
	p.Done, _ = d.Fields["done"].(bool)
	p.at.path, _ = d.Fields["path"].(string)
	p.rules, _ = d.Fields["rules"].(string)
	return p
}

// save stores progress, on the condition that no other run has.
func (r *run) save(ctx context.Context, p *Progress) error {
	if r.Dry {
		return nil
	}
	w := commit.Write{Path: path(p.Task), Fields: commit.Fields{
		"began": p.Began.UnixMilli(), "done": p.Done, "reads": int64(p.Reads), "removed": int64(p.Removed), "changed": int64(p.Changed),
		"path": p.at.path, "value": p.at.value, "rules": p.rules,
	}, If: commit.Condition{Version: p.version, Absent: p.version.IsZero()}}
	version, err := r.Store.Commit(ctx, []commit.Write{w})
	if errors.Is(err, commit.ErrConflict) {
		return errTaken
	}
	p.version = version
	return err
}

// State reads how far all tasks are, for operators. A task that never ran is left
// out.
func State(ctx context.Context, store commit.Reader) ([]Progress, error) {
	paths := make([]string, len(tasks))
	for i, t := range tasks {
		paths[i] = path(t.name)
	}
	docs, err := store.Get(ctx, paths)
	if err != nil {
		return nil, err
	}
	var all []Progress
	for i, d := range docs {
		if d.Exists() {
			all = append(all, read(tasks[i].name, d))
		}
	}
	return all, nil
}
