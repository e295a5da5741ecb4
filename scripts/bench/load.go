package main

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-im/throng/shared/wire"
)

// The local cloud's credentials, and a signature that never changes: checking
// it costs the function the same, and making it anew would cost the load
// generator, which shares the machine.
const (
	appKey, appSecret = "dev-app", "dev-secret"
	nonce, timestamp  = "42", "1480479442"
)

// line is one keep-alive connection. It writes requests as bytes and reads
// answers without a transport in between, for what the load generator takes of
// the machine is missing from what it measures.
type line struct {
	addr string
	conn net.Conn
	r    *bufio.Reader
	head string
	buf  []byte
}

func dial(base string) (*line, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	c, err := net.DialTimeout("tcp", u.Host, 10*time.Second)
	if err != nil {
		return nil, err
	}
	return &line{addr: u.Host, conn: c, r: bufio.NewReaderSize(c, 4<<10), head: fmt.Sprintf(
		" HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nApp-Key: %s\r\nNonce: %s\r\nTimestamp: %s\r\nSignature: %s\r\nContent-Length: ",
		u.Host, appKey, nonce, timestamp, wire.Signature(appSecret, nonce, timestamp))}, nil
}

func (l *line) close() { _ = l.conn.Close() }

// post sends a signed form and returns the body of the answer, which is good
// until the next call. An answer that is no success is an error.
func (l *line) post(path, body string) ([]byte, error) {
	_ = l.conn.SetDeadline(time.Now().Add(time.Minute))
	l.buf = fmt.Appendf(l.buf[:0], "POST %s%s%d\r\n\r\n%s", path, l.head, len(body), body)
	if _, err := l.conn.Write(l.buf); err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(l.r, nil)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK || !bytes.Contains(answer, []byte(`"code":200`)) {
		return nil, fmt.Errorf("%s answered %s: %s", path, res.Status, answer)
	}
	return answer, nil
}

// operation is what one sender does again and again. n counts the operations of
// all senders.
type operation func(n int64) error

// storm keeps senders busy for a while and measures each operation. prepare
// makes the operation of one sender.
func storm(senders int, per time.Duration, prepare func(sender int) (operation, func(), error)) (sample, error) {
	var (
		mu     sync.Mutex
		took   []time.Duration
		failed error
		wg     sync.WaitGroup
		next   atomic.Int64
	)
	ops := make([]operation, senders)
	for i := range senders {
		op, done, err := prepare(i)
		if err != nil {
			return sample{}, err
		}
		defer done()
		ops[i] = op
	}
	started := time.Now()
	for _, op := range ops {
		wg.Go(func() {
			mine := make([]time.Duration, 0, 4096)
			var err error
			for at := time.Now(); err == nil && at.Sub(started) < per; {
				if err = op(next.Add(1)); err == nil {
					now := time.Now()
					mine, at = append(mine, now.Sub(at)), now
				}
			}
			mu.Lock()
			defer mu.Unlock()
			took, failed = append(took, mine...), cmp.Or(failed, err)
		})
	}
	wg.Wait()
	elapsed := time.Since(started)
	if failed != nil || len(took) == 0 {
		return sample{}, fmt.Errorf("%d senders: %w", senders, failed)
	}
	return summary(took, elapsed), nil
}

// repeat measures an operation that one sender does some times.
func repeat(times int, op func() error) (sample, error) {
	took := make([]time.Duration, times)
	started := time.Now()
	for i := range took {
		at := time.Now()
		if err := op(); err != nil {
			return sample{}, err
		}
		took[i] = time.Since(at)
	}
	return summary(took, time.Since(started)), nil
}

func summary(took []time.Duration, elapsed time.Duration) sample {
	slices.Sort(took)
	return sample{
		Rate: float64(len(took)) / elapsed.Seconds(), Operations: len(took),
		P50: ms(took[len(took)/2]), P99: ms(took[len(took)*99/100]),
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// content makes a message of about 400 bytes.
var content = `{"content":"` + strings.Repeat("hello there ", 32) + `"}`

// posts makes senders that post forms to a server, one connection each. body
// gives the n-th form; check looks at the answer.
func posts(base, path string, body func(n int64) string, check func([]byte) error) func(int) (operation, func(), error) {
	return func(int) (operation, func(), error) {
		l, err := dial(base)
		if err != nil {
			return nil, nil, err
		}
		return func(n int64) error {
			answer, err := l.post(path, body(n))
			if err != nil {
				return err
			}
			return check(answer)
		}, l.close, nil
	}
}
