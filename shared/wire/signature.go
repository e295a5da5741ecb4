package wire

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/throng-im/throng/shared/fault"
)

const (
	// StrongHeader carries the stronger signature, which is ours: RC has none.
	StrongHeader  = "Throng-Signature"
	strongVersion = "v1="
	// The length of its nonce, in bytes: long enough to be drawn at random
	// without a second of its kind.
	minNonce, maxNonce = 8, 64
)

// Signature is the contract's: lower-case hex SHA-1 of secret, nonce and
// timestamp. It covers neither path nor body; that is how RC defines it.
func Signature(secret, nonce, timestamp string) string {
	sum := sha1.Sum([]byte(secret + nonce + timestamp))
	return hex.EncodeToString(sum[:])
}

// StrongSignature is ours: the value of StrongHeader for a request. target is
// the path with the query as sent.
func StrongSignature(secret, method, target, timestamp, nonce, body string) string {
	content := sha256.Sum256([]byte(body))
	mac := hmac.New(sha256.New, []byte(secret))
	for _, line := range []string{method, target, timestamp, nonce, hex.EncodeToString(content[:])} {
		mac.Write([]byte(line + "\n"))
	}
	return strongVersion + hex.EncodeToString(mac.Sum(nil))
}

// header reads a signature header under either of its names.
func header(h http.Header, name string) string {
	if v := h.Get(name); v != "" {
		return v
	}
	return h.Get("RC-" + name)
}

// authenticate checks the envelope and returns the body, which the stronger
// signature covers. With RC's, the body is read once its sender has signed.
func (a *api) authenticate(w http.ResponseWriter, r *http.Request) (string, error) {
	if subtle.ConstantTimeCompare([]byte(header(r.Header, "App-Key")), []byte(a.Settings.AppKey)) != 1 {
		return "", errAppKey
	}
	if given := r.Header.Get(StrongHeader); given != "" {
		return a.authenticateStrongly(w, r, strings.ToLower(given))
	}
	if a.Settings.RequireStrongSignature {
		return "", errWeak
	}
	nonce, timestamp, given := header(r.Header, "Nonce"), header(r.Header, "Timestamp"), strings.ToLower(header(r.Header, "Signature"))
	if !a.signed(given, func(secret string) string { return Signature(secret, nonce, timestamp) }) {
		return "", errSignature
	}
	// The nonce may repeat and no timestamp is too old unless a window is set:
	// one published SDK computes both once.
	if window := a.Settings.SignatureWindow; window > 0 {
		if at, ok := instant(timestamp); !ok || at.Sub(a.Now()).Abs() > window {
			return "", errStale
		}
	}
	return readBody(w, r)
}

func (a *api) authenticateStrongly(w http.ResponseWriter, r *http.Request, given string) (string, error) {
	if a.Once == nil {
		return "", fault.New(fault.NotEnabled, "%s needs a store for its nonces, and there is none here", StrongHeader)
	}
	nonce, timestamp := header(r.Header, "Nonce"), header(r.Header, "Timestamp")
	at, ok := instant(timestamp)
	switch {
	case len(nonce) < minNonce || len(nonce) > maxNonce:
		return "", errNonce
	case !ok || at.Sub(a.Now()).Abs() > a.Settings.StrongWindow():
		return "", errStale
	}
	body, err := readBody(w, r)
	if err != nil {
		return "", err
	}
	if !a.signed(given, func(secret string) string {
		return StrongSignature(secret, r.Method, r.URL.RequestURI(), timestamp, nonce, body)
	}) {
		return "", errSignature
	}
	// Only a nonce that the app has signed takes room in the store.
	first, err := a.Once(r.Context(), at, nonce)
	if err == nil && !first {
		err = errReplay
	}
	return body, err
}

// signed compares a signature with what each secret makes of the request.
func (a *api) signed(given string, sign func(secret string) string) bool {
	for _, secret := range a.Settings.Secrets(a.Now) {
		if subtle.ConstantTimeCompare([]byte(given), []byte(sign(secret))) == 1 {
			return true
		}
	}
	return false
}

// Once says whether a request with this nonce, signed for this time, is the
// first of its kind on any instance. It fails when nobody knows.
type Once func(ctx context.Context, at time.Time, nonce string) (first bool, err error)

// millis is where a timestamp stops being in seconds: the year 5138.
const millis = 1e11

func instant(timestamp string) (time.Time, bool) {
	n, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	if n > millis {
		return time.UnixMilli(n), true
	}
	return time.Unix(n, 0), true
}
