package push

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	firebase "firebase.google.com/go/v4"
	"firebase.google.com/go/v4/messaging"
	"google.golang.org/api/option"
	transport "google.golang.org/api/transport/http"

	"github.com/throng-im/throng/shared/settings"
)

const (
	// messageTimeout bounds one message: FCM mostly answers within a tenth of a
	// second, and who does not is asked again later.
	messageTimeout = 5 * time.Second
	// jobTimeout bounds a job, however many of its messages hang.
	jobTimeout = 8 * time.Second
	// perJob is how many messages of one job are under way at a time, and underWay
	// how many of one process.
	perJob, underWay = 100, 256
	// mostAnswer bounds what is read of an answer.
	mostAnswer = 1 << 20
	// scope is what FCM asks of who sends.
	scope = "https://www.googleapis.com/auth/firebase.messaging"
)

// Sender connects to FCM, or to the stand-in that the settings name.
func Sender(ctx context.Context, s settings.Settings) (func(context.Context, *messaging.Message) error, error) {
	// The library's own client would keep two idle connections and open the rest
	// anew for every message.
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.MaxIdleConns, base.MaxIdleConnsPerHost = underWay, underWay
	next := http.RoundTripper(base)
	var opts []option.ClientOption
	if s.FCMEndpoint != "" {
		opts = append(opts, option.WithEndpoint(s.FCMEndpoint))
	} else {
		var err error
		if next, err = transport.NewTransport(ctx, base, option.WithScopes(scope)); err != nil {
			return nil, fmt.Errorf("credentials for FCM: %w", err)
		}
	}
	opts = append(opts, option.WithHTTPClient(&http.Client{Transport: once{next}}))
	app, err := firebase.NewApp(ctx, &firebase.Config{ProjectID: s.Project}, opts...)
	if err != nil {
		return nil, fmt.Errorf("firebase: %w", err)
	}
	client, err := app.Messaging(ctx)
	if err != nil {
		return nil, fmt.Errorf("firebase messaging: %w", err)
	}
	return func(ctx context.Context, m *messaging.Message) error {
		_, err := client.Send(ctx, m)
		return err
	}, nil
}

// once is a transport by which the SDK tries a message once. The SDK repeats what
// fails with 503 or on the network up to four times, for seven seconds and more, and
// waits meanwhile; a job has more to do. So a 503 reaches it as 500, with FCM's own
// body, by which it tells errors apart, and what was no answer as one that says so.
type once struct{ next http.RoundTripper }

func (t once) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(r.Context(), messageTimeout)
	defer cancel()
	res, err := t.next.RoundTrip(r.WithContext(ctx))
	var body []byte
	if err == nil {
		// A body that breaks off would be a reason to repeat, too.
		body, err = io.ReadAll(io.LimitReader(res.Body, mostAnswer))
		_ = res.Body.Close()
	}
	if err != nil {
		return noAnswer(r, err), nil
	}
	if res.StatusCode == http.StatusServiceUnavailable {
		res.StatusCode, res.Status = http.StatusInternalServerError, "500 Internal Server Error"
	}
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return res, nil
}

// noAnswer stands for an answer that did not come.
func noAnswer(r *http.Request, err error) *http.Response {
	status := "UNAVAILABLE"
	if errors.Is(err, context.DeadlineExceeded) {
		status = "DEADLINE_EXCEEDED"
	}
	body, _ := json.Marshal(map[string]any{"error": map[string]any{"code": http.StatusInternalServerError, "status": status, "message": err.Error()}})
	return &http.Response{
		StatusCode: http.StatusInternalServerError, Status: "500 Internal Server Error", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}

// errNotSent is the answer to messages that a job had no time left for.
var errNotSent = errors.New("not sent: the job took too long")

// sendAll hands messages to FCM and returns the answer to each.
func (f *function) sendAll(ctx context.Context, messages []*messaging.Message) []error {
	ctx, cancel := context.WithTimeout(ctx, jobTimeout)
	defer cancel()
	answers := make([]error, len(messages))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(perJob, len(messages)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(messages); i = next.Add(1) - 1 {
				answers[i] = f.sendOne(ctx, messages[i])
			}
		})
	}
	workers.Wait()
	return answers
}

func (f *function) sendOne(ctx context.Context, m *messaging.Message) error {
	if ctx.Err() != nil {
		return errNotSent
	}
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
		return f.Send(ctx, m)
	case <-ctx.Done():
		return errNotSent
	}
}
