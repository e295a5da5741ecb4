package house_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/gate"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/notify"
	"github.com/throng-im/throng/shared/presence"
	"github.com/throng-im/throng/shared/receipt"
	"github.com/throng-im/throng/shared/replay"
	"github.com/throng-im/throng/shared/retention"
	"github.com/throng-im/throng/shared/user"
)

// override is how a field of a collection is indexed, as Firebase's
// firestore.indexes.json says it.
type override struct {
	CollectionGroup, FieldPath string
	// TTL has Firestore delete the document at the field's time.
	TTL     bool
	Indexes []index
}

type index struct{ ArrayConfig, Order, QueryScope string }

// composite is an index of several fields of a collection.
type composite struct {
	CollectionGroup, QueryScope string
	Fields                      []struct{ FieldPath, Order string }
}

func (c composite) String() string {
	text := c.QueryScope + " " + c.CollectionGroup
	for _, f := range c.Fields {
		text += fmt.Sprintf(" %s %s", f.FieldPath, f.Order)
	}
	return text
}

// witness is a store that remembers which fields were written and which were
// asked for, as "collection.field".
type witness struct {
	commit.Memory
	mu      sync.Mutex
	written map[string]bool
	queried map[string]index
	// together are the queries by two fields, as the text of their composite.
	together map[string]bool
}

func (w *witness) Commit(ctx context.Context, writes []commit.Write) (time.Time, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, doc := range writes {
		for field := range doc.Fields {
			w.written[path.Base(path.Dir(doc.Path))+"."+field] = true
		}
	}
	return w.Memory.Commit(ctx, writes)
}

func (w *witness) Query(ctx context.Context, q commit.Query) ([]commit.Doc, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if q.Field != "" && q.InField != "" {
		// Such a query is asked of one collection, from a value on.
		w.together[fmt.Sprintf("COLLECTION %s %s ASCENDING %s ASCENDING", path.Base(q.Collection), q.InField, q.Field)] = true
	} else if q.Field != "" {
		need := index{QueryScope: "COLLECTION"}
		if q.AllGroups {
			need.QueryScope = "COLLECTION_GROUP"
		}
		switch {
		case q.Contains != nil:
			need.ArrayConfig = "CONTAINS"
		case q.Falling():
			need.Order = "DESCENDING"
		default:
			need.Order = "ASCENDING"
		}
		w.queried[path.Base(q.Collection)+"."+q.Field] = need
	}
	return w.Memory.Query(ctx, q)
}

// useEverything does whatever makes the domain write and ask.
func useEverything(t *testing.T, w *witness) {
	t.Helper()
	ctx := t.Context()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	announce := func(context.Context, ...[]byte) error { return nil }
	groups := group.New(w, announce, group.Options{})
	users := user.New(w, groups, nil, 0, time.Now)
	ok(users.Register(ctx, "ann", "Ann", "https://example.com/ann.png"))
	ok(users.ExpireTokens(ctx, []id.User{"ann"}, time.Now()))
	ok(users.GagEverywhere(ctx, []id.User{"ann"}, time.Time{}))
	_, err := users.GaggedEverywhere(ctx)
	ok(err)
	ok(presence.New(w, time.Now).Set(ctx, "instance", []id.User{"ann"}))
	_, err = replay.New(w, time.Minute).Once(ctx, time.Now(), "12345678")
	ok(err)
	ok(gate.New(w, 0, time.Now).Pause(ctx, "a test"))
	ok(groups.Join(ctx, "team", []id.User{"ann", "bob"}, "The team"))
	ok(users.PutDevice(ctx, "ann", user.Device{ID: "phone", Platform: "android", Token: "t"}))
	ok(users.SetLevel(ctx, "ann", "team", notify.Nothing))
	ok(conversation.New(w, nil, 0, time.Now).Pin(ctx, "ann", "team", true))
	send := func(n int) {
		_, err := groups.Send(ctx, "team", group.Entry{From: "ann", Type: "RC:TxtMsg", Content: "{}", ClientID: fmt.Sprint(n)})
		ok(err)
	}
	early, err := groups.Publish(ctx, "team", group.Entry{From: "ann", Type: "RC:TxtMsg", Content: "{}"})
	ok(err)
	// So many that keys fall out of the head and are asked for in segments.
	for n := range 600 {
		send(n)
	}
	send(0)
	// So many segments that the head does not name the oldest.
	for range 1_600 {
		_, err := groups.Publish(ctx, "team", group.Entry{From: "app", Type: "RC:TxtMsg", Content: "{}"})
		ok(err)
	}
	for _, backward := range []bool{false, true} {
		_, err := groups.History(ctx, "team", group.HistoryQuery{View: group.View{User: "ann"}, From: 1, To: 1, IncludeFrom: true, Backward: backward, Limit: 1})
		ok(err)
	}
	// So many readers that they do not fit into one document.
	receipts := receipt.New(w, announce, 0, time.Now)
	var read sync.WaitGroup
	for n := range 8_001 {
		read.Go(func() {
			if err := receipts.Read(ctx, id.User(fmt.Sprint("reader-", n)), receipt.Message{Group: "team", Seq: 2, UID: early.UID, From: "ann"}); err != nil {
				t.Error(err)
			}
		})
	}
	read.Wait()
	// By now this one is sealed, so its segment is written again.
	ok(groups.Recall(ctx, "team", early.UID, group.Recall{From: "ann"}))
	_, err = groups.Changed(ctx, []id.Group{"team"}, 0)
	ok(err)
	_, err = groups.Active(ctx, 0, 8, 0)
	ok(err)
	_, err = groups.Records(ctx, "ann")
	ok(err)
	ok(groups.Rename(ctx, "team", "Our team"))
	ok(groups.Mute(ctx, "team", true))
	_, err = groups.MutedGroups(ctx, 0, 10)
	ok(err)
	ok(groups.Quit(ctx, "team", []id.User{"bob"}))
	ok(groups.SetOffline(ctx, "team", 1))
	ok(groups.Dismiss(ctx, "team", "ann"))
	_, err = retention.Run(ctx, retention.Options{
		Store: w, Groups: groups, Receipts: receipts, Conversations: conversation.New(w, nil, 0, time.Now), Rules: retention.Rules{OfflineDays: 7}, Now: time.Now,
	}, retention.Budget{})
	ok(err)
}

// TestIndexesFitTheQueries holds that every field written is named in
// firestore.indexes.json, and that exactly what is asked for is indexed: a field
// that is forgotten there is indexed both ways by default, and an index
// on a rising value caps its whole collection.
func TestIndexesFitTheQueries(t *testing.T) {
	var file struct {
		Indexes        []composite
		FieldOverrides []override
	}
	if err := json.Unmarshal([]byte(read(t, "infra/firestore.indexes.json")), &file); err != nil {
		t.Fatal(err)
	}
	w := &witness{written: map[string]bool{}, queried: map[string]index{}, together: map[string]bool{}}
	useEverything(t, w)
	if len(w.written) < 20 || len(w.queried) < 2 {
		t.Fatalf("only %d fields were written and %d asked for", len(w.written), len(w.queried))
	}
	var composites []string
	for _, c := range file.Indexes {
		composites = append(composites, c.String())
	}
	slices.Sort(composites)
	if asked := slices.Sorted(maps.Keys(w.together)); !slices.Equal(composites, asked) {
		t.Errorf("the indexes of several fields are %q, the queries need %q", composites, asked)
	}
	named := map[string]bool{}
	for _, o := range file.FieldOverrides {
		field := o.CollectionGroup + "." + o.FieldPath
		if named[field] {
			t.Errorf("%s is named twice", field)
		}
		named[field] = true
		if !w.written[field] {
			t.Errorf("%s is named, but nobody writes it", field)
		}
		if o.TTL != (o.FieldPath == "expireAt") {
			t.Errorf("%s: expireAt, and nothing else, says when a document ends", field)
		}
		want := []index{}
		if need, asked := w.queried[field]; asked {
			want = append(want, need)
		}
		if !slices.Equal(o.Indexes, want) {
			t.Errorf("%s has the indexes %v, the queries need %v", field, o.Indexes, want)
		}
	}
	for _, field := range slices.Sorted(maps.Keys(w.written)) {
		if !named[field] {
			t.Errorf("%s is written, but firestore.indexes.json does not say how it is indexed", field)
		}
	}
	for field := range w.queried {
		if !named[field] {
			t.Errorf("%s is asked for, but not indexed", field)
		}
	}
}
