package commit

import (
	"context"
	"time"

	"github.com/throng-im/throng/shared/fault"
)

// Outcomes that the loop tells apart. A store wraps one of them around the
// cause; any other error means that nothing was written and that trying again
// is of no use. All are faults that the caller may cure by asking again, so
// that they answer as such wherever they surface.
var (
	// ErrConflict: a precondition did not hold. Nothing was written.
	ErrConflict = fault.New(fault.Unavailable, "others were changing the same thing, try again")
	// ErrAborted: the store gave up before it wrote, for contention or
	// overload. Nothing was written; the same commit may be tried again.
	ErrAborted = fault.New(fault.Unavailable, "the store is overloaded, try again")
	// ErrUnknown: the connection broke or the store answered something that
	// does not say. A commit may or may not have been applied; a read failed.
	ErrUnknown = fault.New(fault.Unavailable, "the store did not answer, try again")
)

// Fields are the values of a document: string, int64, bool, []byte,
// []string, []int64 or time.Time.
type Fields map[string]any

// Doc is a document as read. A missing document has a zero Version and no Fields.
type Doc struct {
	Path    string
	Fields  Fields
	Version time.Time
}

// Exists says whether the document was there.
func (d Doc) Exists() bool { return !d.Version.IsZero() }

// Condition is what must hold of a document for a commit to apply.
type Condition struct {
	// Version, when set, must be the document's current version. Firestore keeps
	// the version of a document that a write does not change; the journal sees to
	// it that every commit of a loop changes the root.
	Version time.Time
	// Absent demands that the document does not exist.
	Absent bool
}

// Write is one document's part in an atomic commit.
type Write struct {
	// Path is relative to the database root: collection/document[/...].
	Path string
	// Fields to store. With Merge only these fields change, otherwise they
	// replace the document. Ignored by Delete.
	Fields Fields
	Merge  bool
	Delete bool
	// If is checked before anything is written. The zero value checks nothing.
	If Condition
}

// Reader reads documents.
type Reader interface {
	// Get reads documents by path, in the order asked. fields, when not
	// empty, restricts what is returned.
	Get(ctx context.Context, paths []string, fields ...string) ([]Doc, error)
	// Query runs a query and returns its documents in order.
	Query(ctx context.Context, q Query) ([]Doc, error)
}

// Query asks for the documents of one collection, or of every collection with
// one name, ordered by document path where nothing else is said.
type Query struct {
	// Collection is a path (groups/g1/segments), or a bare name with AllGroups.
	Collection string
	AllGroups  bool
	// Field and one of Equals, Contains, AtLeast or AtMost filter; an empty
	// Field filters nothing. With AtLeast the result is ordered by the field,
	// rising, with AtMost falling, and with both, which is a range, rising; they
	// take an int64.
	Field           string
	Equals          any
	Contains        any
	AtLeast, AtMost any
	// In keeps documents whose InField is one of these texts, at most MaxIn. With
	// a range on Field, Firestore needs a composite index of both fields.
	InField string
	In      []string
	// IDAtLeast keeps documents whose id sorts at or after it. Not with
	// AllGroups. There is no opposite and no descending order by path: Firestore
	// does not scan keys downwards.
	IDAtLeast string
	// After continues behind a document that this query returned before, so that
	// nobody walks through what was deleted since. It needs its path and, with
	// AtLeast or AtMost, the field. It may be gone by now.
	After  Doc
	Offset int
	// Limit bounds the result; 0 is no bound.
	Limit int
	// Select restricts the fields returned.
	Select []string
}

// MaxIn is how many values one query may compare a field with: Firestore's limit.
const MaxIn = 30

// Store keeps documents: Firestore in earnest, Memory in tests of the rules.
type Store interface {
	Reader
	// Commit applies all writes or none. It does not retry. On success it
	// returns the version that every written document now has.
	Commit(ctx context.Context, writes []Write) (time.Time, error)
}
