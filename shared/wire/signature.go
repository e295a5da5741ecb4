package wire

import (
	"crypto/sha1"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Signature is the contract's: lower-case hex SHA-1 of secret, nonce and
// timestamp. It covers neither path nor body; that is how RC defines it.
func Signature(secret, nonce, timestamp string) string {
	sum := sha1.Sum([]byte(secret + nonce + timestamp))
	return hex.EncodeToString(sum[:])
}

// header reads a signature header under either of its names.
func header(h http.Header, name string) string {
	if v := h.Get(name); v != "" {
		return v
	}
	return h.Get("RC-" + name)
}

// authenticate checks the envelope. The nonce may repeat and no timestamp is
// too old unless a window is set: one published SDK computes both once.
func (a *api) authenticate(h http.Header) error {
	if subtle.ConstantTimeCompare([]byte(header(h, "App-Key")), []byte(a.Settings.AppKey)) != 1 {
		return errAppKey
	}
	timestamp := header(h, "Timestamp")
	want := Signature(a.Settings.AppSecret, header(h, "Nonce"), timestamp)
	if subtle.ConstantTimeCompare([]byte(strings.ToLower(header(h, "Signature"))), []byte(want)) != 1 {
		return errSignature
	}
	if a.Settings.SignatureWindow > 0 && !within(timestamp, a.Now(), a.Settings.SignatureWindow) {
		return errStale
	}
	return nil
}

// millis is where a timestamp stops being in seconds: the year 5138.
const millis = 1e11

func within(timestamp string, now time.Time, window time.Duration) bool {
	n, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return false
	}
	at := time.Unix(n, 0)
	if n > millis {
		at = time.UnixMilli(n)
	}
	return at.Sub(now).Abs() <= window
}
