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
// the last one has it.
type claim struct {
	version time.Time
	owner   id.User
	// former are users who had the token and may not have let go of it: whoever took
	// it from them has to see to that, or else whoever registers it next.
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

// claim makes the token this user's. A claim that stands is written again only to
// renew it.
func (s *state) claim(token string, renew bool) {
	path := claimPath(token)
	c := s.claims[path]
	if c.owner == s.id && !renew {
		return
	}
	former := slices.Clone(c.former)
	if c.owner != "" && c.owner != s.id {
		former = append(former, c.owner)
	}
	s.writeClaim(path, c, former)
}

// free notes that users have let go of a token, unless it went on to somebody else,
// who then sees to it that they have.
func (s *state) free(token string, users []id.User) {
	path := claimPath(token)
	c := s.claims[path]
	left := slices.DeleteFunc(slices.Clone(c.former), func(u id.User) bool { return slices.Contains(users, u) })
	if c.owner == s.id && len(left) < len(c.former) {
		s.writeClaim(path, c, left)
	}
}

// writeClaim has the claim written as this user's. Each former owner is named once.
func (s *state) writeClaim(path string, c claim, former []id.User) {
	slices.Sort(former)
	former = slices.DeleteFunc(slices.Compact(former), func(u id.User) bool { return u == s.id })
	c.owner, c.former, c.claimed = s.id, former, true
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
