package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/firestore"
	"github.com/throng-im/throng/shared/wire"
)

// plan is what a run measures.
type plan struct {
	per     time.Duration
	rounds  int
	members int
}

// caller talks to the local cloud as an app server does.
type caller struct {
	http              *http.Client
	gateway, messages string
	fcm               string
}

func newCaller() *caller {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, 1024
	// The gateway stands in for a load balancer that costs the functions'
	// machine nothing; senders go to the function itself.
	return &caller{http: &http.Client{Transport: t, Timeout: time.Minute}, gateway: os.Getenv("THRONG_URL"),
		messages: os.Getenv("THRONG_URL_MESSAGES"), fcm: os.Getenv("THRONG_FCM_URL")}
}

// call posts a signed form and checks that the answer is a success.
func (c *caller) call(base, path string, form url.Values) (map[string]any, error) {
	r, err := http.NewRequest(http.MethodPost, base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	const nonce, timestamp = "42", "1480479442"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("App-Key", "dev-app")
	r.Header.Set("Nonce", nonce)
	r.Header.Set("Timestamp", timestamp)
	r.Header.Set("Signature", wire.Signature("dev-secret", nonce, timestamp))
	return c.do(r)
}

func (c *caller) do(r *http.Request) (map[string]any, error) {
	res, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	if err := json.Unmarshal(body, &out); err != nil || res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s: %s", r.URL.Path, res.Status, body)
	}
	return out, nil
}

func (c *caller) get(address string, into any) error {
	res, err := c.http.Get(address)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	return json.NewDecoder(res.Body).Decode(into)
}

func (c *caller) cost() (cost.Counts, error) {
	var out struct {
		Functions map[string]cost.Counts `json:"functions"`
	}
	err := c.get(c.gateway+"/debug/cost", &out)
	return out.Functions["messages"], err
}

// sample is what one measurement of a row found.
type sample struct {
	perSecond     float64
	p50, p99      time.Duration
	writes, reads float64 // documents per operation
	operations    int
}

// storm runs op from many senders until the time is over.
func storm(senders int, per time.Duration, op func() error) (sample, error) {
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	var wg sync.WaitGroup
	started := time.Now()
	for range senders {
		wg.Go(func() {
			var mine []time.Duration
			for time.Since(started) < per {
				at := time.Now()
				if err := op(); err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
					return
				}
				mine = append(mine, time.Since(at))
			}
			mu.Lock()
			took = append(took, mine...)
			mu.Unlock()
		})
	}
	wg.Wait()
	elapsed := time.Since(started)
	if failed != nil || len(took) == 0 {
		return sample{}, fmt.Errorf("%d senders: %w", senders, failed)
	}
	slices.Sort(took)
	return sample{perSecond: float64(len(took)) / elapsed.Seconds(), p50: took[len(took)/2], p99: took[len(took)*99/100], operations: len(took)}, nil
}

// content makes a message of about 400 bytes.
var content = `{"content":"` + strings.Repeat("hello there ", 32) + `"}`

// publish measures senders on one hot group through HTTP.
func (c *caller) publish(senders int, per time.Duration) (sample, error) {
	before, err := c.cost()
	if err != nil {
		return sample{}, err
	}
	form := url.Values{"fromUserId": {"ann"}, "toGroupId": {"hot"}, "objectName": {"bench"}, "content": {content}}
	s, err := storm(senders, per, func() error {
		_, err := c.call(c.messages, "/message/group/publish.json", form)
		return err
	})
	if err != nil {
		return s, err
	}
	after, err := c.cost()
	spent := after.Sub(before)
	s.writes, s.reads = float64(spent.Writes)/float64(s.operations), float64(spent.Reads)/float64(s.operations)
	return s, err
}

// bare measures Firestore itself: each sender rewrites a document of its own,
// of the size of a group's head in the middle of its tail.
func bare(ctx context.Context, store *firestore.Store, senders int, per time.Duration) (sample, error) {
	data := []byte(strings.Repeat("x", 20<<10))
	var mu sync.Mutex
	next := 0
	free := make(chan int, senders)
	for i := range senders {
		free <- i
	}
	s, err := storm(senders, per, func() error {
		i := <-free
		defer func() { free <- i }()
		mu.Lock()
		next++
		n := next
		mu.Unlock()
		_, err := store.Commit(ctx, []commit.Write{{Path: fmt.Sprintf("bare/%d", i), Fields: commit.Fields{"n": int64(n), "tail": data}}})
		return err
	})
	s.writes = 1
	return s, err
}
