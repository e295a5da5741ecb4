package user_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/user"
)

// TestATokenOfWhoIsErasedIsTakenFromWhoHadIt kills the process that gives bob's token
// to zoe before bob has let go of it. Then people are erased, one call after the
// other, and carol registers the token: it is hers alone. What says whose it was goes
// with the last of those of whom it says something.
func TestATokenOfWhoIsErasedIsTakenFromWhoHadIt(t *testing.T) {
	killed := errors.New("killed")
	for _, c := range []struct {
		erased [][]id.User
		kept   bool // whether there still is a document of the token
	}{
		{[][]id.User{{"zoe"}}, true},
		{[][]id.User{{"zoe"}, {"zoe"}}, true},
		{[][]id.User{{"bob"}}, true},
		{[][]id.User{{"zoe", "bob"}}, false},
		{[][]id.User{{"zoe"}, {"bob"}}, false},
		{[][]id.User{{"bob"}, {"zoe"}}, false},
	} {
		what := fmt.Sprint(c.erased)
		s := newStreet(t)
		s.ok(s.puts("bob", "phone=T"))
		s.store.Before = func(writes []commit.Write) error {
			for _, w := range writes {
				if w.Path == "users/bob" {
					return killed
				}
			}
			return nil
		}
		if err := s.puts("zoe", "phone=T"); !errors.Is(err, killed) {
			t.Fatal(err)
		}
		s.store.Calm()
		s.restarts()
		for _, all := range c.erased {
			people := id.People{}
			for _, u := range all {
				people[u] = true
				s.ok(s.users.Erase(t.Context(), u))
				for _, g := range []id.Group{"his", "both"} {
					s.ok(s.groups.Quit(t.Context(), g, []id.User{u}))
				}
			}
			s.ok(s.users.EraseClaims(t.Context(), people, func(string) error { return nil }))
			s.ok(s.users.Claims(t.Context(), people, func(path string) error {
				t.Errorf("%s: %s still says something of %v", what, path, all)
				return nil
			}))
		}
		docs, err := s.store.Memory.Get(t.Context(), []string{user.ClaimPath("T")})
		s.ok(err)
		if docs[0].Exists() != c.kept {
			t.Errorf("%s: left of the token: %v", what, docs[0].Fields)
		}
		s.restarts()
		s.ok(s.puts("carol", "phone=T"))
		for u, want := range map[id.User]string{"carol": "phone=T", "zoe": "", "bob": ""} {
			if got := s.has(u); got != want {
				t.Errorf("%s: %s has %q, want %q", what, u, got, want)
			}
		}
	}
}
