package message_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/message"
)

func TestTypes(t *testing.T) {
	for name, kind := range map[string]fault.Kind{
		"RC:TxtMsg": "", "RC:GrpNtf": "", "app:order": "", strings.Repeat("é", 32): "",
		"": fault.InvalidArgument, "RC:Mine": fault.InvalidArgument, strings.Repeat("x", 33): fault.TooLarge,
	} {
		if err := message.CheckType("objectName", name); kind == "" && err != nil || kind != "" && !fault.Is(err, kind) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestMentions(t *testing.T) {
	for content, want := range map[string]*group.Mention{
		`{"mentionedInfo":{"type":2,"userIdList":["u1","u2"],"mentionedContent":"hey"}}`: {Type: 2, Users: []id.User{"u1", "u2"}, Text: "hey"},
		`{"mentionedInfo":{"type":1,"userIdList":["u1"]}}`:                               {Type: 1},
		`{"mentionedInfo":{"type":"1"}}`:                                                 {Type: 1},
		`{"mentionedInfo":{"type":9}}`:                                                   nil,
		`{"mentionedInfo":"all"}`:                                                        nil,
		`{"content":"hi"}`:                                                               nil,
		`plain text`:                                                                     nil,
	} {
		if got := message.Mentioned(content); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", content, got)
		}
	}
}

func TestExtensionKeys(t *testing.T) {
	many := map[string]string{}
	for i := range 101 {
		many[fmt.Sprint("k", i)] = "v"
	}
	for name, c := range map[string]struct {
		keys map[string]string
		kind fault.Kind
	}{
		"good":       {map[string]string{"a+b=c-d_e": strings.Repeat("é", 4096)}, ""},
		"too many":   {many, fault.InvalidArgument},
		"long key":   {map[string]string{strings.Repeat("k", 33): "v"}, fault.TooLarge},
		"odd key":    {map[string]string{"a b": "v"}, fault.InvalidArgument},
		"no key":     {map[string]string{"": "v"}, fault.InvalidArgument},
		"long value": {map[string]string{"k": strings.Repeat("v", 4097)}, fault.TooLarge},
	} {
		if err := message.CheckExpansion(c.keys, message.MaxPairs); c.kind == "" && err != nil || c.kind != "" && !fault.Is(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{"", "[]", `{"a":1}`, "null x", "null"} {
		if _, err := message.Expansion("extraContent", bad); !fault.Is(err, fault.InvalidArgument) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestTexts says what notifications show of what notifies.
func TestTexts(t *testing.T) {
	with := func(objectName, content string, p *group.Push) group.Entry {
		return group.Entry{Kind: group.KindMessage, Type: objectName, Content: content, Push: p}
	}
	for name, c := range map[string]struct {
		e    group.Entry
		text string
	}{
		"text":                     {with("RC:TxtMsg", `{"content":"hi"}`, nil), "hi"},
		"text that is no JSON":     {with("RC:TxtMsg", `hi`, nil), ""},
		"a reference":              {with("RC:ReferenceMsg", `{"content":"yes, that","referMsg":{}}`, nil), "yes, that"},
		"words that are none":      {with("RC:TxtMsg", `{"content":{"a":1}}`, nil), ""},
		"image":                    {with("RC:ImgMsg", `{}`, nil), ""},
		"own words":                {with("RC:ImgMsg", `{}`, &group.Push{Content: "look"}), "look"},
		"custom with words":        {with("app:x", `{}`, &group.Push{Content: "x"}), "x"},
		"notification with words":  {with("RC:GrpNtf", `{}`, &group.Push{Content: "x"}), "x"},
		"a recall":                 {group.Entry{Kind: group.KindRecall}, ""},
		"a recall from above":      {group.Entry{Kind: group.KindRecall, Admin: true}, ""},
		"only data given, content": {with("RC:VcMsg", `{}`, &group.Push{Data: "d"}), ""},
	} {
		if text := message.Text(c.e); text != c.text {
			t.Errorf("%s: %q", name, text)
		}
	}
}
