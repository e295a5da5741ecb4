package conversation

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/event"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/pack"
)

const (
	// maxPacked bounds a user's document: Firestore takes 1 MiB with everything.
	// Some 15,000 conversations with the longest of names fit.
	maxPacked = 960 << 10
	// maxPlain bounds what a document may unpack to, and so what reading one can
	// take of memory.
	maxPlain = 8 << 20
)

// packing is how a document is stored.
var packing = pack.New(maxPlain)

// state is a user's document. A draft shares the lists and maps of the settled
// state until it is touched; the tags of a conversation are never changed in
// place.
type state struct {
	List
	user    id.User
	version time.Time
	journal commit.Journal
	keys    keys

	// The rest belongs to a draft.
	now     int64
	touched bool
	// told are the conversations that the announcement speaks of; tellTags says
	// that it speaks of the tags, too.
	told     map[id.Group]bool
	tellTags bool
}

func path(user id.User) string { return "users/" + id.Document(string(user)) + "/state/0" }

func readList(d commit.Doc) (List, error) {
	var l List
	l.Changed, _ = d.Fields["changed"].(int64)
	packed, _ := d.Fields["data"].([]byte)
	if len(packed) == 0 {
		return l, nil
	}
	plain, err := packing.Unpack(packed)
	if err == nil {
		err = json.Unmarshal(plain, &l)
	}
	if err != nil {
		return List{}, fmt.Errorf("%s: %w", d.Path, err)
	}
	return l, nil
}

func (l List) pack() ([]byte, error) {
	plain, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	packed := packing.Pack(plain)
	if len(plain) > maxPlain || len(packed) > maxPacked {
		return nil, fault.New(fault.TooLarge, "the user has too many conversations that are pinned, tagged or cleared")
	}
	return packed, nil
}

// model teaches the commit loop what a user's conversations are.
type model struct {
	now      func() time.Time
	announce event.Announcer
}

func (m *model) Load(ctx context.Context, r commit.Reader, key string, _ *state) (*state, error) {
	docs, err := r.Get(ctx, []string{path(id.User(key))})
	if err != nil {
		return nil, err
	}
	l, err := readList(docs[0])
	if err != nil {
		return nil, err
	}
	used, _ := docs[0].Fields["keys"].([]byte)
	return &state{List: l, user: id.User(key), version: docs[0].Version, journal: commit.ReadJournal(docs[0]), keys: used}, nil
}

func (m *model) Draft(s *state) *state {
	d := *s
	d.journal, d.now, d.touched, d.told, d.tellTags = s.journal.Clone(), m.now().UnixMilli(), false, nil, false
	return &d
}

func (m *model) Weight(*state) int                { return 0 }
func (m *model) Journal(s *state) *commit.Journal { return &s.journal }

func (m *model) Root(s *state) (string, time.Time) { return path(s.user), s.version }

func (m *model) Size(s *state) int {
	n := 1024
	for g, c := range s.Conversations {
		n += 240 + len(g) + 32*len(c.Tags) + len(c.Draft)
	}
	return n
}

// Plan refuses a document that grew too large; the commit is then tried command
// by command, so that only what does not fit is refused.
func (m *model) Plan(d *state) (commit.Plan, error) {
	announce, err := m.announcement(d)
	if !d.touched || err != nil {
		return commit.Plan{Announce: announce}, err
	}
	packed, err := d.pack()
	if err != nil {
		return commit.Plan{}, err
	}
	w := commit.Write{Path: path(d.user), Fields: commit.Fields{"data": packed, "changed": d.Changed, "keys": []byte(d.keys)}}
	return commit.Plan{Writes: []commit.Write{w}, Announce: announce}, nil
}

func (m *model) Settle(d *state, version time.Time) *state {
	s := *d
	s.version, s.touched, s.told, s.tellTags = version, false, nil, false
	return &s
}
