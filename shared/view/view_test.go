package view_test

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/view"
)

var update = flag.Bool("update", false, "write testdata anew")

// entries show every field that an entry may have.
var entries = []group.Entry{
	{Seq: 1, At: 1_800_000_000_000, Kind: group.KindJoined, Users: []id.User{"ann", "bob"}},
	{Seq: 2, At: 1_800_000_000_001, Kind: group.KindMessage, From: "ann", Type: "RC:TxtMsg", Content: "{\"content\":\"<b>\u2028 & grüße\n\"}"},
	{
		Seq: 3, At: 1_800_000_000_002, Kind: group.KindMessage, From: "ann", Type: "app:x", Content: "{}", To: []id.User{"bob"},
		Mention: &group.Mention{Type: group.MentionUsers, Users: []id.User{"bob"}, Text: "look"}, Uncounted: true, Unpersisted: true,
		HideFromSender: true, KeepLast: true, Receipt: true, Expandable: true, Expansion: map[string]group.Value{"k": {V: "v", TS: 5}, "a": {V: "b", TS: 6}},
		Extra: "extra", ClientID: "c1", Push: &group.Push{Content: "never shown"},
	},
	{Seq: 4, At: 1_800_000_000_003, Kind: group.KindRenamed, Content: "New name"},
	{Seq: 5, At: 1_800_000_000_004, Kind: group.KindLeft, Users: []id.User{"bob"}},
	{Seq: 6, At: 1_800_000_000_005, Kind: group.KindDismissed, From: "ann"},
	{At: 1_800_000_000_006, Kind: group.KindStatus, From: "ann", Type: "RC:TypSts", Content: "{}", UID: "0000-0000-7000-0000"},
	{
		Seq: 7, At: 1_800_000_000_007, Kind: group.KindRecall, From: "boss", Target: 2, TargetAt: 1_800_000_000_001, Admin: true, Delete: true,
		Users: []id.User{"ann"}, Extra: "sorry", Push: &group.Push{Content: "never shown"},
	},
	{Seq: 8, At: 1_800_000_000_008, Kind: group.KindEdit, From: "ann", Target: 3, TargetAt: 1_800_000_000_002, Type: "app:x", Content: "better", To: []id.User{"bob"}},
	{Seq: 9, At: 1_800_000_000_009, Kind: group.KindExpansion, From: "bob", Target: 3, Expansion: map[string]group.Value{"k": {V: "w", TS: 9}}, Removed: []string{"a"}, ClientID: "c2"},
	{Seq: 10, At: 1_800_000_000_010, Kind: group.KindReceiptRequest, From: "ann", Target: 3},
	{Seq: 11, At: 1_800_000_000_011, Kind: group.KindMessage, From: "ann", Type: "app:x", Recalled: 12, Edited: 9, Extended: 8, Asked: 7, Admin: true, Delete: true},
}

func TestWhatDevicesSee(t *testing.T) {
	var got []byte
	for _, e := range entries {
		start := len(got)
		var err error
		if got, err = view.Append(got, 7, e); err != nil {
			t.Fatal(err)
		}
		if bytes.ContainsAny(got[start:], "\n\r") {
			t.Errorf("an entry takes more than a line, which the stream cannot carry: %s", got[start:])
		}
		got = append(got, '\n')
	}
	const golden = "testdata/entries.jsonl"
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("entries are shown as\n%s\nand were as\n%s", got, want)
	}
	for _, secret := range []string{"never shown", "hideFromSender", "push"} {
		if strings.Contains(string(got), secret) {
			t.Errorf("%q left the server", secret)
		}
	}
}
