package token_test

import (
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
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

func TestTheLongestIDFitsTheContractsLength(t *testing.T) {
	k := keys(strings.Repeat("k", 13), "secret", start)
	text, err := k.Issue(id.User(strings.Repeat("u", id.MaxLength)), 24*time.Hour, false)
	if err != nil || len(text) > token.MaxLength {
		t.Fatalf("%d characters, %v", len(text), err)
	}
	if _, err := keys(strings.Repeat("k", 80), "secret", start).Issue(id.User(strings.Repeat("u", id.MaxLength)), 0, true); err == nil {
		t.Error("a token that is too long was issued")
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
