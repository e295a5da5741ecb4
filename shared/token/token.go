// Package token makes and checks the bearer tokens of devices: JSON Web Tokens,
// signed with a key that is derived from the app's secret, so that changing the
// secret ends them all, at once or after a time of grace.
package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
)

// MaxLength is the longest token in characters; the contract's limit.
const MaxLength = 256

// Claims are what a token says.
type Claims struct {
	User id.User
	// Issued has millisecond precision: expiry by time asks for it.
	Issued time.Time
	// Expires is zero for a token that lives for ever.
	Expires time.Time
	// Admin may recall any message.
	Admin bool
}

// Keys signs and verifies the tokens of one app.
type Keys struct {
	app string
	key []byte
	// previous verifies, too, until its time is over; nil when there is none.
	previous []byte
	until    time.Time
	now      func() time.Time
}

// New derives the signing key from the app's secret. now is the clock.
func New(appKey, appSecret string, now func() time.Time) *Keys {
	return &Keys{app: appKey, key: derive(appSecret), now: now}
}

// Accept returns keys that also take what the secret before this one has
// signed, until a point in time. An empty secret is none.
func (k *Keys) Accept(previousSecret string, until time.Time) *Keys {
	with := *k
	if previousSecret != "" {
		with.previous, with.until = derive(previousSecret), until
	}
	return &with
}

func derive(secret string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("throng device token 1"))
	return mac.Sum(nil)
}

// verifying are the keys that a token may be signed with now.
func (k *Keys) verifying(*jwt.Token) (any, error) {
	if k.previous != nil && k.now().Before(k.until) {
		return jwt.VerificationKeySet{Keys: []jwt.VerificationKey{k.key, k.previous}}, nil
	}
	return k.key, nil
}

// wireClaims are kept short: the contract allows 256 characters in all, and a
// user id may take 64. What has no standard name has one letter.
type wireClaims struct {
	User    string `json:"sub"`
	App     string `json:"aud"`
	Issued  int64  `json:"i"` // Unix milliseconds
	Expires int64  `json:"exp,omitempty"`
	Admin   int    `json:"a,omitempty"` // 1 for an administrator
}

func unix(seconds int64) (*jwt.NumericDate, error) {
	if seconds == 0 {
		return nil, nil
	}
	return jwt.NewNumericDate(time.Unix(seconds, 0)), nil
}

func (c wireClaims) GetExpirationTime() (*jwt.NumericDate, error) { return unix(c.Expires) }
func (c wireClaims) GetIssuedAt() (*jwt.NumericDate, error)       { return nil, nil }
func (c wireClaims) GetNotBefore() (*jwt.NumericDate, error)      { return nil, nil }
func (c wireClaims) GetIssuer() (string, error)                   { return "", nil }
func (c wireClaims) GetSubject() (string, error)                  { return c.User, nil }
func (c wireClaims) GetAudience() (jwt.ClaimStrings, error)       { return jwt.ClaimStrings{c.App}, nil }

// Issue signs a token. The clock gives its time of issue.
func (k *Keys) Issue(user id.User, lifetime time.Duration, admin bool) (string, error) {
	now := k.now()
	c := wireClaims{User: string(user), App: k.app, Issued: now.UnixMilli()}
	if admin {
		c.Admin = 1
	}
	if lifetime > 0 {
		c.Expires = now.Add(lifetime).Unix()
	}
	t := jwt.NewWithClaims(jwt.SigningMethodHS256, c)
	delete(t.Header, "typ")
	signed, err := t.SignedString(k.key)
	if err == nil && len(signed) > MaxLength {
		return "", fmt.Errorf("a token of %d characters is longer than %d: shorten the app key", len(signed), MaxLength)
	}
	return signed, err
}

// Verify checks a token and returns what it says. Errors: fault.TokenExpired,
// and fault.Unauthenticated for everything else that is wrong with it.
func (k *Keys) Verify(text string) (Claims, error) {
	if len(text) > MaxLength {
		return Claims{}, errForeign
	}
	var c wireClaims
	_, err := jwt.ParseWithClaims(text, &c, k.verifying,
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithAudience(k.app), jwt.WithTimeFunc(k.now), jwt.WithStrictDecoding())
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return Claims{}, fault.New(fault.TokenExpired, "the token has expired")
	case err != nil, id.Valid("sub", c.User) != nil:
		return Claims{}, errForeign
	}
	out := Claims{User: id.User(c.User), Issued: time.UnixMilli(c.Issued), Admin: c.Admin == 1}
	if c.Expires != 0 {
		out.Expires = time.Unix(c.Expires, 0)
	}
	return out, nil
}

var errForeign = fault.New(fault.Unauthenticated, "the token is not one of this app's")
