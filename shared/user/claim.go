package user

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/id"
)

// claimKept is how long a token's document outlives the day on which the token was
// last claimed. A device is refreshed, and its token with it, or falls silent
// before.
const claimKept = 330 * 24 * time.Hour

// claim is whose a push token is: tokens/{hash}, for a token is a secret that need
// not be in a name. It is written in one commit with the document of the user who
// registers the token, on the condition that neither was changed meanwhile. So of
// users who register the same token at the same time one comes after the other, and
// the last one has it. And it is in the document of one user at most at any time: a
// claim comes first, then those who had the token let go of it, then it is stored.
type claim struct {
	version time.Time
	// owner is empty where there never was one, or where all is erased that was kept of
	// the one there was.
	owner id.User
	// former are users who had the token and may not have let go of it: whoever took
	// it from them sees to that, or else whoever registers it next.
	former []id.User
	// claimed belongs to a draft.
	claimed bool
}

func claimPath(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "tokens/" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// needs loads what a command looks at beside the user's document.
type needs = func(context.Context, commit.Reader, *state) error

// claimOf has a command know whose a token is.
func claimOf(token string) needs {
	path := claimPath(token)
	return func(ctx context.Context, r commit.Reader, s *state) error {
		docs, err := r.Get(ctx, []string{path})
		if err != nil {
			return err
		}
		c := claim{version: docs[0].Version}
		owner, _ := docs[0].Fields["user"].(string)
		former, _ := docs[0].Fields["former"].([]string)
		c.owner = id.User(owner)
		for _, u := range former {
			c.former = append(c.former, id.User(u))
		}
		s.setClaim(path, c)
		return nil
	}
}

// setClaim leaves the claims of whatever state shares them as they were.
func (s *state) setClaim(path string, c claim) {
	s.claims = maps.Clone(s.claims)
	if s.claims == nil {
		s.claims = map[string]claim{}
	}
	s.claims[path] = c
}

// claim makes the token this user's, and says whether it is nobody else's: whether
// all who had it are among the freed, who have let go of it. With any freed it is a
// claim that was made before, and that is not made again when somebody else has made
// one since.
func (s *state) claim(token string, freed []id.User) (free bool) {
	path := claimPath(token)
	c := s.claims[path]
	if c.owner != s.id && len(freed) > 0 {
		return false
	}
	former := slices.DeleteFunc(slices.Clone(c.former), func(u id.User) bool { return slices.Contains(freed, u) })
	if c.owner != "" && c.owner != s.id {
		former = append(former, c.owner)
	}
	slices.Sort(former)
	former = slices.DeleteFunc(slices.Compact(former), func(u id.User) bool { return u == s.id })
	if c.owner != s.id || len(former) != len(c.former) {
		c.owner, c.former = s.id, former
		s.setClaim(path, c)
		s.renew(token)
	}
	return len(former) == 0
}

// renew writes the user's claim of a token, changed or not. Whatever adds a token to
// a user's document does this, so that it fails when the claim is lost meanwhile.
func (s *state) renew(token string) {
	path := claimPath(token)
	c := s.claims[path]
	c.claimed = true
	s.setClaim(path, c)
	s.changed = true
}

// claimWrites are the claims that a draft made.
func (s *state) claimWrites() []commit.Write {
	var out []commit.Write
	for _, path := range slices.Sorted(maps.Keys(s.claims)) {
		c := s.claims[path]
		if !c.claimed {
			continue
		}
		former := make([]string, len(c.former))
		for i, u := range c.former {
			former[i] = string(u)
		}
		w := commit.Write{Path: path, Fields: commit.Fields{
			"user": string(s.id), "former": former, "expireAt": time.UnixMilli(s.now).Add(claimKept),
		}}
		if c.version.IsZero() {
			w.If.Absent = true
		} else {
			w.If.Version = c.version
		}
		out = append(out, w)
	}
	return out
}
