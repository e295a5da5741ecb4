package commit

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// gatheredAtOnce is how many gathered reads are under way at the same time. Two
	// let the next one begin while an answer is on its way.
	gatheredAtOnce = 2
	// gatheredMost bounds the documents of one read, so that its answer is not kept
	// back by hundreds of others.
	gatheredMost = 100
	// gatheredFor bounds a gathered read, which outlives the callers it is for.
	gatheredFor = 20 * time.Second
)

// Gather returns a store that reads single documents together where many are asked
// for at the same time, as when thousands of devices come back at once: what comes
// while reads are under way waits for one of them to end and goes in one. Whoever
// asks alone waits for nobody. Only reads of the same fields go together.
func Gather(s Store) Store { return &gathering{Store: s, waiting: map[string][]*ask{}} }

type gathering struct {
	Store

	mu      sync.Mutex
	waiting map[string][]*ask // by their fields
	busy    int
}

// ask is one caller's read.
type ask struct {
	ctx    context.Context
	path   string
	fields []string
	doc    Doc
	err    error
	done   chan struct{}
}

// Get implements Reader.
func (g *gathering) Get(ctx context.Context, paths []string, fields ...string) ([]Doc, error) {
	if len(paths) != 1 || len(fields) == 0 {
		return g.Store.Get(ctx, paths, fields...)
	}
	a := &ask{ctx: ctx, path: paths[0], fields: fields, done: make(chan struct{})}
	key := strings.Join(fields, " ")
	g.mu.Lock()
	g.waiting[key] = append(g.waiting[key], a)
	if g.busy < gatheredAtOnce {
		g.busy++
		go g.work()
	}
	g.mu.Unlock()
	select {
	case <-a.done:
		return []Doc{a.doc}, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// work reads until nobody waits.
func (g *gathering) work() {
	for {
		asks := g.take()
		if asks == nil {
			return
		}
		read(g.Store, asks)
	}
}

// take returns what goes into the next read, nil when nothing waits.
func (g *gathering) take() []*ask {
	g.mu.Lock()
	defer g.mu.Unlock()
	for key, asks := range g.waiting {
		n := min(len(asks), gatheredMost)
		if g.waiting[key] = asks[n:]; n == len(asks) {
			delete(g.waiting, key)
		}
		return asks[:n]
	}
	g.busy--
	return nil
}

// read answers asks of the same fields with one read.
func read(s Store, asks []*ask) {
	// Whoever asked first may give up before the others do.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(asks[0].ctx), gatheredFor)
	defer cancel()
	var paths []string
	for _, a := range asks {
		if !slices.Contains(paths, a.path) {
			paths = append(paths, a.path)
		}
	}
	docs, err := s.Get(ctx, paths, asks[0].fields...)
	for _, a := range asks {
		if a.err = err; err == nil {
			a.doc = docs[slices.Index(paths, a.path)]
		}
		close(a.done)
	}
}
