package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/throng-im/throng/functions"
	"github.com/throng-im/throng/shared/cost"
	"github.com/throng-im/throng/shared/wire"
)

// caller calls a running cloud.
type caller struct {
	url, key, secret string
	manifest         *functions.Manifest
	// stirred says that the last call may have changed a membership: fan-out
	// then writes to the group, which the function that is measured next would
	// meet or not.
	stirred bool
}

// settle waits until nothing has been read or written for a while.
func (c *caller) settle() error {
	// Long enough for an event on a busy machine.
	const rest, pause = 40, 100 * time.Millisecond
	last := cost.Counts{Reads: -1}
	for still := 0; c.stirred && still < rest; time.Sleep(pause) {
		all, err := c.bill()
		if err != nil {
			return err
		}
		still++
		if all.Total != last {
			last, still = all.Total, 0
		}
	}
	c.stirred = false
	return nil
}

// row is a call to measure. form, json or query carry its parameters.
type row struct {
	path, what string
	form       url.Values
	json       string
	query      url.Values
	// make, where it is set, makes the call in another way.
	make func() error
	// before makes what the call needs; it is not measured.
	before func() error
	// stirs says that the call changes memberships.
	stirs bool
	// refused is the code that the call answers; 0 is success.
	refused int
	// token, method and call are of a device's call, which is made with that token
	// and stands in the table as call.
	token, method, call string
}

// cost makes a call and returns what its function asked of Firestore and Pub/Sub.
func (c *caller) cost(r row) (cost.Counts, error) {
	path, _, _ := strings.Cut(r.path, "?")
	f, ok := c.manifest.Route(path)
	if !ok {
		return cost.Counts{}, fmt.Errorf("no function serves %s", r.path)
	}
	before, err := c.counts(f.Name)
	if err != nil {
		return cost.Counts{}, err
	}
	if r.make == nil {
		r.make = func() error { _, err := c.call(r); return err }
	}
	if err := r.make(); err != nil {
		return cost.Counts{}, err
	}
	c.stirred = r.stirs
	after, err := c.counts(f.Name)
	return after.Sub(before), err
}

// bill is what the local cloud has counted.
type bill struct {
	Functions map[string]cost.Counts `json:"functions"`
	Total     cost.Counts            `json:"total"`
}

func (c *caller) bill() (b bill, err error) {
	res, err := http.Get(c.url + "/debug/cost")
	if err != nil {
		return b, fmt.Errorf("%w: start the local cloud with `make run`", err)
	}
	defer func() { _ = res.Body.Close() }()
	return b, json.NewDecoder(res.Body).Decode(&b)
}

// counts reads a function's counters.
func (c *caller) counts(function string) (cost.Counts, error) {
	b, err := c.bill()
	return b.Functions[function], err
}

// call makes a signed call and returns its reply.
func (c *caller) call(r row) (map[string]any, error) {
	if r.token != "" {
		req, err := c.request(r)
		if err != nil {
			return nil, err
		}
		return c.answer(r, req)
	}
	method, address, kind, body := http.MethodPost, c.url+r.path, "application/x-www-form-urlencoded", r.form.Encode()
	switch {
	case r.query != nil:
		method, address, body = http.MethodGet, address+"?"+r.query.Encode(), ""
	case r.json != "":
		kind, body = "application/json", r.json
	}
	req, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	nonce, timestamp := strconv.Itoa(rand.Int()), strconv.FormatInt(time.Now().UnixMilli(), 10)
	for name, value := range map[string]string{"App-Key": c.key, "Nonce": nonce, "Timestamp": timestamp,
		"Signature": wire.Signature(c.secret, nonce, timestamp), "Content-Type": kind} {
		req.Header.Set(name, value)
	}
	return c.answer(r, req)
}

// answer makes a request and returns the reply, which must be the one that the row
// expects.
func (c *caller) answer(r row, req *http.Request) (map[string]any, error) {
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	var reply map[string]any
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&reply); err != nil {
		return nil, fmt.Errorf("%s answered %q", r.path, text)
	}
	if r.token != "" {
		if res.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s %s (%s) answered %d %s", r.method, r.path, r.what, res.StatusCode, text)
		}
		return reply, nil
	}
	want := r.refused
	if want == 0 {
		want = wire.CodeOK
	}
	if code, _ := reply["code"].(float64); int(code) != want {
		return nil, fmt.Errorf("%s (%s) answered %s", r.path, r.what, text)
	}
	return reply, nil
}
