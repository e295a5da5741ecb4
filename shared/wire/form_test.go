package wire

import (
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/throng-im/throng/shared/fault"
)

// TestAWellFormedBodyReadsAsTheStandardSays compares with the standard parser,
// wherever that one has no complaint.
func TestAWellFormedBodyReadsAsTheStandardSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := url.Values{}
		for key, list := range rapid.MapOf(rapid.String(), rapid.SliceOf(rapid.String())).Draw(t, "values") {
			for _, v := range list {
				// Empty is absent, but for an id in brackets.
				if key != "" && v != "" {
					values.Add(key, v)
				}
			}
		}
		f := parseForm(values.Encode())
		got := url.Values{}
		for _, p := range f.pairs {
			got.Add(p.key, p.value)
		}
		if !maps.EqualFunc(got, values, slices.Equal) {
			t.Fatalf("%q reads as %q, want %q", values.Encode(), got, values)
		}
	})
}

// TestABadPairSpoilsNoOther puts garbage between good pairs.
func TestABadPairSpoilsNoOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		garbage := strings.ReplaceAll(rapid.String().Draw(t, "garbage"), "&", "")
		f := parseForm("a=1&x" + garbage + "&b=2&" + garbage + "&a=3")
		if got := f.all("a"); len(got) < 2 || got[0] != "1" || got[len(got)-1] != "3" || f.one("b") != "2" {
			t.Fatalf("%q spoiled %q", garbage, f.pairs)
		}
	})
}

func TestABrokenEscapeKeepsItsText(t *testing.T) {
	for body, want := range map[string]string{
		`a={"p":"100% + 1"}`: `{"p":"100% + 1"}`,
		"a=%":                "%",
		"a=%4":               "%4",
		"a=%zz+1":            "%zz+1",
		"a=x;y":              "x;y",
		"a=1=2==":            "1=2==",
		"a=1+2%2B3":          "1 2+3",
		"a":                  "",
		"=a":                 "",
		"%61=b":              "b",
	} {
		if got := parseForm(body).one("a"); got != want {
			t.Errorf("%q reads as %q, want %q", body, got, want)
		}
	}
}

func TestNumbersKeepTheirBounds(t *testing.T) {
	for _, c := range []struct {
		min, max int
		value    string
		ok       bool
	}{
		{0, 0, "-5", true}, {0, 0, "1743584071876", true}, {0, 0, "9223372036854775808", false}, {0, 0, "1.5", false}, {0, 0, "1e3", false},
		{0, 9, "0", true}, {0, 9, "9", true}, {0, 9, "10", false}, {0, 9, "-1", false},
		{1, 0, "1", true}, {1, 0, "1743584071876", true}, {1, 0, "0", false},
		{-1, 5, "-1", true}, {-1, 5, "6", false}, {0, math.MaxInt, "-1", false},
	} {
		p := Param{Name: "n", Kind: Int, Min: c.min, Max: c.max}
		a, err := check([]Param{p}, parseForm("n="+c.value))
		if c.ok != (err == nil) || err != nil && !fault.Is(err, fault.InvalidArgument) {
			t.Errorf("%d..%d: %s: %v", c.min, c.max, c.value, err)
		}
		if err == nil && a.Int("n", math.MinInt) == math.MinInt {
			t.Errorf("%s did not arrive", c.value)
		}
	}
}

func TestAMapMayBeBounded(t *testing.T) {
	p := Param{Name: "m", Kind: IDMap, Count: 2}
	if a, err := check([]Param{p}, parseForm("m[a]=1&m[b]=2&m[a]=3")); err != nil || !maps.Equal(a.Map("m"), map[string]string{"a": "3", "b": "2"}) {
		t.Errorf("two ids: %v", err)
	}
	if _, err := check([]Param{p}, parseForm("m[a]=1&m[b]=2&m[c]=3")); !fault.Is(err, fault.InvalidArgument) {
		t.Errorf("three ids: %v", err)
	}
}

func FuzzParsers(f *testing.F) {
	for _, s := range []string{"groupId=g&a=%zz", `{"userId":["1",2],"n":"5","flag":true,"any":{"x":[1]}}`, `{"n":1e999}`, "[", `{"userId":[null]}`, "&=&%=%;&a[b=c]"} {
		f.Add(s)
	}
	params := []Param{{Name: "userId", Kind: ID, Repeated: true, Count: 3}, {Name: "text", MaxChars: 5}, {Name: "n", Kind: Int, Max: 9},
		{Name: "flag", Kind: Bool}, {Name: "any", Kind: JSON}, {Name: "group", Kind: IDMap, MaxChars: 5, Count: 2}}
	f.Fuzz(func(t *testing.T, body string) {
		forms := []form{parseForm(body)}
		fromJSON, err := parseJSON(body, params)
		if err == nil {
			forms = append(forms, fromJSON)
		} else if !fault.Is(err, fault.InvalidArgument) {
			t.Fatalf("%q: %v", body, err)
		}
		for _, f := range forms {
			a, err := check(params, f)
			if err != nil {
				if !fault.Is(err, fault.InvalidArgument) && !fault.Is(err, fault.TooLarge) {
					t.Fatalf("%q: %v", body, err)
				}
				continue
			}
			if n := a.Int("n", 0); n < 0 || n > 9 || len(a.Users("userId")) > 3 || len(a.Map("group")) > 2 || len([]rune(a.Text("text"))) > 5 {
				t.Fatalf("%q passed its limits", body)
			}
			var any any
			if err := a.JSON("any", &any); err != nil {
				t.Fatalf("%q: JSON that was checked does not decode: %v", body, err)
			}
		}
	})
}

func BenchmarkParseAndCheck(b *testing.B) {
	body := url.Values{"fromUserId": {"user-1"}, "toGroupId": {"group-1"}, "objectName": {"RC:TxtMsg"}, "content": {`{"content":"` + strings.Repeat("hello ", 60) + `"}`},
		"pushContent": {""}, "pushData": {""}, "isPersisted": {"1"}, "isIncludeSender": {"0"}, "isMentioned": {"0"}, "contentAvailable": {"0"}, "expansion": {"false"}, "disablePush": {"false"}}.Encode()
	params := []Param{{Name: "fromUserId", Kind: ID, Required: true}, {Name: "toGroupId", Kind: ID, Required: true, Repeated: true, Count: 3}, {Name: "toUserId", Kind: ID, Repeated: true, Count: 300},
		{Name: "objectName", Required: true, MaxChars: 32}, {Name: "content", Required: true, MaxBytes: 128 << 10}, {Name: "pushContent"}, {Name: "pushData"}, {Name: "pushExt"},
		{Name: "isPersisted", Kind: Bool}, {Name: "isCounted", Kind: Bool}, {Name: "isIncludeSender", Kind: Bool}, {Name: "isMentioned", Kind: Bool}, {Name: "contentAvailable", Kind: Bool},
		{Name: "disablePush", Kind: Bool}, {Name: "expansion", Kind: Bool}, {Name: "extraContent"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := check(params, parseForm(body)); err != nil {
			b.Fatal(err)
		}
	}
}
