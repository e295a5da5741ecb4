// Package message holds what the contract says of a message whoever sends it:
// types, sizes, mentions, extension keys, and what a notification says of it.
package message

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/notify"
)

// Limits of the contract.
const (
	// MaxType is the longest objectName in characters.
	MaxType = 32
	// MaxContent is the largest content in bytes.
	MaxContent = 128 << 10
	// MaxPush bounds each text of a notification in bytes: RC names no limit,
	// and FCM takes a fraction of it.
	MaxPush = 32 << 10
	// An extension key is at most MaxKey characters of the id alphabet, its
	// value MaxValue characters; MaxPairs go in one call.
	MaxKey, MaxValue, MaxPairs = 32, 4096, 100
	// MaxRefusal is how much the app may say to a sender whose message it refuses,
	// in characters.
	MaxRefusal = 1024
)

// words are the built-in types whose own text a notification shows.
var words = map[string]bool{"RC:TxtMsg": true, "RC:ReferenceMsg": true}

// reserved begins the names of built-in types.
const reserved = "RC:"

// CheckType checks an objectName: a built-in type, or one of the app's own that
// does not look like one. what names it in the error.
func CheckType(what, name string) error {
	switch {
	case name == "":
		return fault.New(fault.InvalidArgument, "%s is required", what)
	case utf8.RuneCountInString(name) > MaxType:
		return fault.New(fault.TooLarge, "%s is longer than %d characters", what, MaxType)
	case strings.HasPrefix(name, reserved):
		if _, known := notify.ClassOf(name); !known {
			return fault.New(fault.InvalidArgument, "%s begins with %q but is no built-in type", what, reserved)
		}
	}
	return nil
}

// Mentioned reads the mention inside a content. A content without one, or with
// one that cannot be read, mentions nobody.
func Mentioned(content string) *group.Mention {
	var c struct {
		Info *struct {
			Type  json.Number `json:"type"`
			Users []id.User   `json:"userIdList"`
			Text  string      `json:"mentionedContent"`
		} `json:"mentionedInfo"`
	}
	if json.Unmarshal([]byte(content), &c) != nil || c.Info == nil {
		return nil
	}
	switch kind, _ := c.Info.Type.Int64(); kind {
	case group.MentionAll:
		return &group.Mention{Type: group.MentionAll, Text: c.Info.Text}
	case group.MentionUsers:
		return &group.Mention{Type: group.MentionUsers, Users: c.Info.Users, Text: c.Info.Text}
	}
	return nil
}

// Expansion reads extension keys from a JSON object of texts; what names the
// parameter in the error.
func Expansion(what, object string) (map[string]string, error) {
	var keys map[string]string
	if err := json.Unmarshal([]byte(object), &keys); err != nil || keys == nil {
		return nil, fault.New(fault.InvalidArgument, "%s is not a JSON object of texts", what)
	}
	if err := CheckExpansion(keys, MaxPairs); err != nil {
		return nil, err
	}
	return keys, nil
}

// ExpansionKeys reads the extension keys to delete from a JSON array of texts.
func ExpansionKeys(what, array string) ([]string, error) {
	var keys []string
	if err := json.Unmarshal([]byte(array), &keys); err != nil || keys == nil {
		return nil, fault.New(fault.InvalidArgument, "%s is not a JSON array of texts", what)
	}
	if len(keys) > MaxPairs {
		return nil, fault.New(fault.InvalidArgument, "%d extension keys in one call, at most %d are allowed", len(keys), MaxPairs)
	}
	for _, k := range keys {
		if err := checkKey(k); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

func checkKey(k string) error {
	if len(k) > MaxKey {
		return fault.New(fault.TooLarge, "an extension key is longer than %d characters", MaxKey)
	}
	return id.Valid("an extension key", k)
}

// CheckExpansion checks extension keys and values, at most pairs of them.
func CheckExpansion(keys map[string]string, pairs int) error {
	if len(keys) > pairs {
		return fault.New(fault.InvalidArgument, "%d extension keys in one call, at most %d are allowed", len(keys), pairs)
	}
	for k, v := range keys {
		if err := checkKey(k); err != nil {
			return err
		}
		if utf8.RuneCountInString(v) > MaxValue {
			return fault.New(fault.TooLarge, "the value of extension key %s is longer than %d characters", k, MaxValue)
		}
	}
	return nil
}

// RecallType is the contract's type of a recall: the one signalling type that
// notifies.
const RecallType = "RC:RcCmd"

// Text is what an offline notification of a message shows: the sender's own text, or
// the words of a text message. An empty text stands for a phrase that depends on the
// type, or says that somebody recalled: who knows the reader's language chooses it.
// Those mentioned may be shown the mention's text instead. Whether there is a
// notification is notify's to decide.
func Text(e group.Entry) string {
	switch {
	case e.Kind != group.KindMessage:
		return ""
	case e.Push != nil && e.Push.Content != "":
		return e.Push.Content
	case !words[e.Type]:
		return ""
	}
	var c struct {
		Content string `json:"content"`
	}
	_ = json.Unmarshal([]byte(e.Content), &c) // what cannot be read has no words
	return c.Content
}
