package token_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/token"
)

var start = time.UnixMilli(1_800_000_000_123)

func keys(app, secret string, at time.Time) *token.Keys {
	return token.New(app, secret, func() time.Time { return at })
}

func TestATokenSaysWhoAndNothingElsePasses(t *testing.T) {
	ours := keys("app", "secret", start)
	text, err := ours.Issue("ann", time.Hour, true)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ours.Verify(text)
	if err != nil || c.User != "ann" || !c.Admin || !c.Issued.Equal(start) || !c.Expires.Equal(time.Unix(start.Unix()+3600, 0)) {
		t.Errorf("%+v, %v", c, err)
	}
	for name, k := range map[string]*token.Keys{"other app": keys("other", "secret", start), "other secret": keys("app", "changed", start)} {
		if _, err := k.Verify(text); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := keys("app", "secret", start.Add(2*time.Hour)).Verify(text); !fault.Is(err, fault.TokenExpired) {
		t.Errorf("expired: %v", err)
	}
	parts := strings.Split(text, ".")
	none := "eyJhbGciOiJub25lIn0"
	for _, forged := range []string{"", "x", none + "." + parts[1] + ".", none + "." + parts[1] + "." + parts[2], parts[0] + "." + parts[1] + ".", text + "x", strings.Repeat("x", 5000)} {
		if _, err := ours.Verify(forged); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%.40q: %v", forged, err)
		}
	}
}

// sign makes a token with a key, which may be the right one.
func sign(key []byte, header, claims string) string {
	enc := base64.RawURLEncoding
	body := enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString([]byte(claims))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(body))
	return body + "." + enc.EncodeToString(mac.Sum(nil))
}

// TestTheKeyIsDerived pins how: tokens that are out must pass after an update,
// and the secret itself must sign nothing that devices see.
func TestTheKeyIsDerived(t *testing.T) {
	mac := hmac.New(sha256.New, []byte("secret"))
	mac.Write([]byte("throng device token 1"))
	ours, derived := keys("app", "secret", start), mac.Sum(nil)
	const hs256, good = `{"alg":"HS256"}`, `{"sub":"ann","aud":"app","i":1800000000123}`
	if c, err := ours.Verify(sign(derived, hs256, good)); err != nil || c.User != "ann" || c.Admin || !c.Expires.IsZero() || !c.Issued.Equal(start) {
		t.Fatalf("%+v, %v", c, err)
	}
	for name, text := range map[string]string{
		"the secret as key":         sign([]byte("secret"), hs256, good),
		"another algorithm":         sign(derived, `{"alg":"HS512"}`, good),
		"no algorithm":              sign(derived, `{"alg":"none"}`, good),
		"none in capitals":          sign(derived, `{"alg":"NONE"}`, good),
		"an asymmetric algorithm":   sign(derived, `{"alg":"RS256"}`, good),
		"another app's":             sign(derived, hs256, `{"sub":"ann","aud":"other","i":1}`),
		"for several apps":          sign(derived, hs256, `{"sub":"ann","aud":["app"],"i":1}`),
		"for no app":                sign(derived, hs256, `{"sub":"ann","i":1}`),
		"for nobody":                sign(derived, hs256, `{"aud":"app","i":1}`),
		"an id that is none":        sign(derived, hs256, `{"sub":"a/b","aud":"app","i":1}`),
		"claims that are no object": sign(derived, hs256, `"ann"`),
		"a header that is none":     sign(derived, `[]`, good),
	} {
		if c, err := ours.Verify(text); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

func TestTheSecretBeforeHasAnEnd(t *testing.T) {
	old, err := keys("app", "old", start).Issue("ann", 0, false)
	if err != nil {
		t.Fatal(err)
	}
	at := start
	rotating := token.New("app", "new", func() time.Time { return at }).Accept("old", start.Add(time.Hour))
	fresh, err := rotating.Issue("ann", 0, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys("app", "new", start).Verify(fresh); err != nil {
		t.Errorf("a new token is not signed with the new secret: %v", err)
	}
	foreign, err := keys("app", "foreign", start).Issue("ann", 0, false)
	if err != nil {
		t.Fatal(err)
	}
	for after, good := range map[time.Duration]bool{0: true, time.Hour - 1: true, time.Hour: false} {
		at = start.Add(after)
		if _, err := rotating.Verify(old); good != (err == nil) || err != nil && !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("after %v: %v", after, err)
		}
		if _, err := rotating.Verify(fresh); err != nil {
			t.Errorf("a new token after %v: %v", after, err)
		}
		if _, err := rotating.Verify(foreign); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("a foreign token after %v: %v", after, err)
		}
	}
	// None before means none, not an empty one.
	empty, err := keys("app", "", start).Issue("ann", 0, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys("app", "new", start).Accept("", start.Add(time.Hour)).Verify(empty); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("the empty secret signs: %v", err)
	}
}

func TestNoCharacterOfATokenMayChange(t *testing.T) {
	ours := keys("app", "secret", start)
	text, err := ours.Issue("ann", 0, false)
	if err != nil {
		t.Fatal(err)
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.="
	for i := range text {
		for _, c := range []byte(alphabet) {
			changed := text[:i] + string(c) + text[i+1:]
			if changed == text {
				continue
			}
			if _, err := ours.Verify(changed); !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("character %d changed to %c: %v", i, c, err)
			}
		}
	}
}

func TestExpiry(t *testing.T) {
	text, err := keys("app", "secret", start).Issue("ann", time.Minute, false)
	if err != nil {
		t.Fatal(err)
	}
	forever, err := keys("app", "secret", start).Issue("ann", 0, false)
	if err != nil {
		t.Fatal(err)
	}
	for after, kind := range map[time.Duration]fault.Kind{0: "", 59 * time.Second: "", time.Minute: fault.TokenExpired, 1e6 * time.Hour: fault.TokenExpired} {
		k := keys("app", "secret", start.Add(after))
		if _, err := k.Verify(text); kind == "" && err != nil || kind != "" && !fault.Is(err, kind) {
			t.Errorf("after %s: %v", after, err)
		}
		if _, err := k.Verify(forever); err != nil {
			t.Errorf("without a lifetime, after %s: %v", after, err)
		}
	}
}

func TestTokensOfOneInstantAllPass(t *testing.T) {
	ours := keys("app", "secret", start)
	for range 2 {
		text, err := ours.Issue("ann", 0, false)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := ours.Verify(text); err != nil || !c.Issued.Equal(start) {
			t.Errorf("%+v, %v", c, err)
		}
	}
}

// TestTheLongestIDFitsTheContractsLength takes the longest app key that the
// settings allow, and every claim there is.
func TestTheLongestIDFitsTheContractsLength(t *testing.T) {
	for app, fits := range map[int]bool{13: true, settings.MaxAppKey: true, 80: false} {
		k := keys(strings.Repeat("k", app), "secret", start)
		text, err := k.Issue(id.User(strings.Repeat("u", id.MaxLength)), 24*time.Hour, true)
		if fits != (err == nil) || len(text) > token.MaxLength {
			t.Errorf("an app key of %d: %d characters, %v", app, len(text), err)
		}
		if !fits {
			continue
		}
		if c, err := k.Verify(text); err != nil || len(c.User) != id.MaxLength {
			t.Errorf("an app key of %d: %+v, %v", app, c, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	k := keys("app", "secret", start)
	good, _ := k.Issue("ann", 0, false)
	f.Add(good)
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := k.Verify(text)
		if err == nil && c.User != "ann" {
			t.Fatalf("%q passed as %+v", text, c)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	k := keys("app", "secret", start)
	text, err := k.Issue("ann", 0, false)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Verify(text); err != nil {
			b.Fatal(err)
		}
	}
}
