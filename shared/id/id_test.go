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
