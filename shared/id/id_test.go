package id_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
)

func TestMessageIDsFindTheirWayBack(t *testing.T) {
	form := regexp.MustCompile(`^[0-9A-Z]{4}(-[0-9A-Z]{4}){3}$`)
	rapid.Check(t, func(t *rapid.T) {
		serial := id.Serial(rapid.Uint64Range(0, uint64(id.MaxSerial)).Draw(t, "serial"))
		seq := rapid.Int64Range(0, id.MaxSeq).Draw(t, "seq")
		uid := id.NewMessage(serial, seq)
		s, n, ok := uid.Parse()
		if !form.MatchString(string(uid)) || !ok || s != serial || n != seq {
			t.Fatalf("%s parsed to %d %d %v", uid, s, n, ok)
		}
	})
	for _, bad := range []id.Message{"", "AAAA-AAAA-AAAA-AAA", "AAAAA-AAA-AAAA-AAAA", "aaaa-aaaa-aaaa-aaaa", "ILOU-AAAA-AAAA-AAAA"} {
		if _, _, ok := bad.Parse(); ok {
			t.Errorf("%q parsed", bad)
		}
	}
}

func TestNames(t *testing.T) {
	for name, kind := range map[string]fault.Kind{
		"a": "", "A-z_0=+": "", strings.Repeat("x", 64): "", "__x__": "",
		"": fault.InvalidArgument, "a/b": fault.InvalidArgument, "é": fault.InvalidArgument, "a b": fault.InvalidArgument, ".": fault.InvalidArgument,
		strings.Repeat("x", 65): fault.TooLarge,
	} {
		err := id.Valid("it", name)
		if kind == "" && err != nil || kind != "" && !fault.Is(err, kind) {
			t.Errorf("%q: %v", name, err)
		}
		if got := id.FromDocument(id.Document(name)); got != name {
			t.Errorf("%q came back as %q", name, got)
		}
	}
	if id.Document("__x__") == "__x__" {
		t.Error("a reserved document id is used")
	}
}

// TestOnlyTheContractsAlphabetPasses tries every byte.
func TestOnlyTheContractsAlphabetPasses(t *testing.T) {
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+=-_"
	for c := range 256 {
		name := "a" + string([]byte{byte(c)}) + "b"
		if ok := id.Valid("it", name) == nil; ok != (strings.IndexByte(alphabet, byte(c)) >= 0) {
			t.Errorf("byte %#x passes: %v", c, ok)
		}
	}
}

// TestDocumentIDsAreLegalAndDistinct holds what Firestore asks of a document id.
func TestDocumentIDsAreLegalAndDistinct(t *testing.T) {
	name := rapid.StringMatching(`_{0,3}[A-Za-z0-9+=_-]{1,20}_{0,3}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := name.Draw(t, "a"), name.Draw(t, "b")
		doc := id.Document(a)
		if strings.HasPrefix(doc, "__") && strings.HasSuffix(doc, "__") || doc == "" || id.FromDocument(doc) != a {
			t.Fatalf("%q is stored as %q", a, doc)
		}
		if a != b && doc == id.Document(b) {
			t.Fatalf("%q and %q share a document", a, b)
		}
	})
}

func TestSerialsFitAMessageID(t *testing.T) {
	seen := map[id.Serial]bool{}
	for range 1000 {
		s := id.NewSerial()
		if s == 0 || s > id.MaxSerial || seen[s] {
			t.Fatalf("serial %d", s)
		}
		seen[s] = true
	}
}

func FuzzParse(f *testing.F) {
	f.Add("0123-4567-89AB-CDEF")
	f.Add("ILOU-0000-0000-0000")
	f.Fuzz(func(t *testing.T, text string) {
		serial, seq, ok := id.Message(text).Parse()
		if ok && string(id.NewMessage(serial, seq)) != text {
			t.Fatalf("%q parsed to %d %d, which is %s", text, serial, seq, id.NewMessage(serial, seq))
		}
	})
}

// TestMessageIDsOfAGroupSortAsTexts, which the app's own server goes by.
func TestMessageIDsOfAGroupSortAsTexts(t *testing.T) {
	last := id.NewMessage(77, 1)
	for _, seq := range []int64{2, 9, 10, 31, 32, 33, 1023, 1024, 1 << 20, 1<<35 - 1} {
		next := id.NewMessage(77, seq)
		if next <= last {
			t.Errorf("%s, of entry %d, does not follow %s", next, seq, last)
		}
		last = next
	}
}
