// Package callback calls the app's own server: signed as the contract has it, only
// where calls may go, with bounds on how long one takes and how much of an answer
// is read, and not at all for a while where a server is known to be down.
package callback

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/wire"
)

const (
	// idle connections to the app's server are kept, so that not each call pays
	// for a handshake.
	idle, idleFor = 64, 90 * time.Second
	// What is left of an answer that nobody asks for is read up to here, so that
	// the connection serves the next call.
	restBytes, restFor = 64 << 10, 100 * time.Millisecond
)

// The contract's forms of bodies.
const (
	Form = "application/x-www-form-urlencoded"
	JSON = "application/json"
)

// ErrPutOff is what becomes of a call to a server that is known to be down.
var ErrPutOff = errors.New("the app's server has not answered for a while, and is left alone")

// StatusError is an answer other than 200: this call was not taken, which says
// nothing about the next one.
type StatusError int

func (e StatusError) Error() string {
	return fmt.Sprintf("the app's server answered %d and not 200", int(e))
}

// Caller calls the app's server.
type Caller struct {
	allows     func(host string) bool
	local      bool
	key        string
	secret     func() string
	client     *http.Client
	breakers   breakers
	now        func() time.Time
	afterReply time.Duration
}

// New returns a Caller for an app. now is the clock.
func New(s settings.Settings, now func() time.Time) *Caller {
	c := &Caller{
		allows: s.Callbacks.Allows, local: s.Callbacks.Local, key: s.AppKey, secret: func() string { return s.AppSecret },
		now: now, afterReply: restFor, breakers: breakers{now: now},
	}
	c.client = &http.Client{
		// What answers with another address may not choose where the call goes.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			// No proxy: what is checked is the address that is dialled.
			DialContext:         dialer(c.local).DialContext,
			MaxIdleConnsPerHost: idle, IdleConnTimeout: idleFor, TLSHandshakeTimeout: 5 * time.Second,
			MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true,
		},
	}
	return c
}

// Call is one call.
type Call struct {
	// URL is whom to call; what the signature needs is added to its query.
	URL string
	// Type is the form of Body.
	Type string
	Body []byte
	// Timeout bounds the whole call.
	Timeout time.Duration
	// Answer is how many bytes of the answer are wanted. A longer one fails. Where
	// it is zero a call has succeeded with the answer's status.
	Answer int64
}

// Do makes a call once. Errors: ErrPutOff, StatusError, and those of networks.
// None of them shows the URL, whose query may hold what is not for logs.
func (c *Caller) Do(ctx context.Context, call Call) (answer []byte, err error) {
	u, err := c.target(call.URL)
	if err != nil {
		return nil, err
	}
	b := c.breakers.of(u.Host + u.Path)
	if !b.enter() {
		return nil, ErrPutOff
	}
	answer, err = c.do(ctx, u, call)
	// Whoever asked and did not wait has not learnt whether the server lives.
	b.leave(lives(err), ctx.Err() != nil)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err
	}
	return answer, err
}

// target is where a call goes, if it may.
func (c *Caller) target(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("a callback's URL is none")
	}
	if u.Scheme != "https" && !(c.local && u.Scheme == "http") {
		return nil, errors.New("a callback's URL must begin with https://")
	}
	if !c.allows(u.Hostname()) {
		return nil, fmt.Errorf("%s is no host that may be called", u.Hostname())
	}
	u.RawQuery = c.sign(u.Query()).Encode()
	return u, nil
}

// sign adds the contract's signature to a query.
func (c *Caller) sign(q url.Values) url.Values {
	nonce, now := rand.Text()[:18], strconv.FormatInt(c.now().UnixMilli(), 10)
	q.Set("appKey", c.key)
	q.Set("nonce", nonce)
	// The contract has had both names.
	q.Set("timestamp", now)
	q.Set("signTimestamp", now)
	q.Set("signature", wire.Signature(c.secret(), nonce, now))
	return q
}

func (c *Caller) do(ctx context.Context, u *url.URL, call Call) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, call.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(call.Body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", call.Type)
	r.Header.Set("User-Agent", "Throng")
	res, err := c.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK || call.Answer == 0 {
		// A server that never ends its answer must not hold up the next call.
		defer time.AfterFunc(c.afterReply, cancel).Stop()
		_, _ = io.CopyN(io.Discard, res.Body, restBytes)
	}
	if res.StatusCode != http.StatusOK {
		return nil, StatusError(res.StatusCode)
	}
	if call.Answer == 0 {
		return nil, nil
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, call.Answer+1))
	if err == nil && int64(len(answer)) > call.Answer {
		err = fmt.Errorf("the app's server answered more than %d bytes", call.Answer)
	}
	return answer, err
}
