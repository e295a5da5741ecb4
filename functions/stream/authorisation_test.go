package stream

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/token"
	"github.com/throng-im/throng/shared/user"
)

// TestWhoMayConnect is the stream's row of the table of who may call what. Who is let
// in is shown what is theirs: membership and mutes decide nothing here.
func TestWhoMayConnect(t *testing.T) {
	store := new(commit.Memory)
	groups := group.New(store, func(context.Context, ...[]byte) error { return nil }, group.Options{})
	c := &cloud.Cloud{Groups: groups, Users: user.New(store, groups, nil, 0, time.Now), Tokens: token.New("key", "secret", time.Now)}
	issue := func(keys *token.Keys, u id.User, lifetime time.Duration, admin bool) string {
		text, err := keys.Issue(u, lifetime, admin)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	ann := issue(c.Tokens, "ann", 0, false)
	early := func() time.Time { return time.Now().Add(-time.Hour) }
	if err := c.Users.ExpireTokens(t.Context(), []id.User{"eve"}, time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := c.Users.GagEverywhere(t.Context(), []id.User{"bob"}, time.Time{}); err != nil {
		t.Fatal(err)
	}
	s := open(t, &function{book: new(book), hub: hub(t, nil), check: check(c)})
	for who, row := range map[string]struct{ token, code string }{
		"no token":               {"", "unauthenticated"},
		"a broken token":         {ann[:len(ann)-2] + "xx", "unauthenticated"},
		"no token at all":        {"nonsense", "unauthenticated"},
		"a token of another app": {issue(token.New("other", "secret", time.Now), "ann", 0, true), "unauthenticated"},
		"another secret":         {issue(token.New("key", "guessed", time.Now), "ann", 0, true), "unauthenticated"},
		"a token that is over":   {issue(token.New("key", "secret", early), "ann", time.Minute, false), "token_expired"},
		"a token that was ended": {issue(c.Tokens, "eve", 0, false), "token_expired"},
		"a member":               {ann, ""},
		"muted everywhere":       {issue(c.Tokens, "bob", 0, false), ""},
		"a stranger":             {issue(c.Tokens, "dan", 0, false), ""},
		"an administrator":       {issue(c.Tokens, "boss", 0, true), ""},
	} {
		for _, place := range []string{"header", "query"} {
			address := s.URL + path
			if place == "query" && row.token != "" {
				address += "?token=" + row.token
			}
			r, err := http.NewRequest(http.MethodGet, address, nil)
			if err != nil {
				t.Fatal(err)
			}
			if place == "header" && row.token != "" {
				r.Header.Set("Authorization", "Bearer "+row.token)
			}
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if row.code == "" {
				if line, _ := bufio.NewReader(res.Body).ReadString('\n'); res.StatusCode != http.StatusOK || !strings.HasPrefix(line, "retry: ") {
					t.Errorf("%s in the %s: %s %q", who, place, res.Status, line)
				}
			} else {
				var body struct{ Error struct{ Code string } }
				if err := json.NewDecoder(res.Body).Decode(&body); err != nil || res.StatusCode != http.StatusUnauthorized || body.Error.Code != row.code {
					t.Errorf("%s in the %s: %s %+v, %v", who, place, res.Status, body, err)
				}
			}
			_ = res.Body.Close()
		}
	}
}
