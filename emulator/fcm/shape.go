package fcm

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kind is what a field of FCM's API holds, as protobuf's JSON writes it.
type kind int

const (
	kindText kind = iota
	kindFlag
	kindWhole
	kindNumber
	kindDuration
	kindTime
	kindEnum
	kindTexts
	kindDurations
	kindTextMap
	// kindFree is any JSON object: google.protobuf.Struct.
	kindFree
	kindObject
)

// typeNames are how Google's errors call what was expected.
var typeNames = map[kind]string{
	kindText: "TYPE_STRING", kindFlag: "TYPE_BOOL", kindWhole: "TYPE_INT32", kindNumber: "TYPE_FLOAT",
	kindDuration: "type.googleapis.com/google.protobuf.Duration", kindTime: "type.googleapis.com/google.protobuf.Timestamp",
	kindTexts: "TYPE_STRING", kindDurations: "type.googleapis.com/google.protobuf.Duration", kindTextMap: "TYPE_STRING",
	kindFree: "type.googleapis.com/google.protobuf.Struct", kindObject: "TYPE_MESSAGE", kindEnum: "TYPE_ENUM",
}

// field is a member of an object of the API.
type field struct {
	kind kind
	// of is the object of a kindObject, names are the values of a kindEnum.
	of    *shape
	names []string
}

// shape is an object of the API: its fields by their names with underscores,
// and what else a field may be called.
type shape struct {
	fields map[string]field
	camel  map[string]string
}

// newShape makes a shape whose fields go by both of their names, as protobuf's
// JSON accepts them.
func newShape(fields map[string]field) *shape {
	s := &shape{fields: fields, camel: map[string]string{}}
	for name := range fields {
		if c := camelCase(name); c != name {
			s.camel[c] = name
		}
	}
	return s
}

func camelCase(name string) string {
	parts := strings.Split(name, "_")
	for i, p := range parts[1:] {
		if p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}

// place is where in a message something stands. It becomes text only for what
// is wrong.
type place struct {
	up   *place
	name string
	// item says that name is an index or a key in brackets.
	item bool
}

func (p *place) String() string {
	switch {
	case p == nil:
		return ""
	case p.item:
		return p.up.String() + "[" + p.name + "]"
	case p.up == nil || p.up.String() == "":
		return p.name
	}
	return p.up.String() + "." + p.name
}

// violation is one thing that FCM would refuse about a message.
type violation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
}

// invalid is a message that FCM would refuse.
type invalid []violation

func (i invalid) Error() string {
	said := make([]string, len(i))
	for n, v := range i {
		said[n] = v.Description
	}
	return strings.Join(said, "\n")
}

// maxViolations bounds an answer about a message that is wrong everywhere.
const maxViolations = 20

// report collects what is wrong.
type report struct{ found invalid }

func (r *report) add(field, format string, args ...any) {
	if len(r.found) < maxViolations {
		r.found = append(r.found, violation{field, fmt.Sprintf(format, args...)})
	}
}

// wrong reports a value of the wrong type in the words of Google's JSON parser.
func (r *report) wrong(at *place, k kind, v any) {
	r.add(at.String(), "Invalid value at '%s' (%s), %s", at, typeNames[k], brief(v))
}

// err is nil when nothing was wrong.
func (r *report) err() error {
	if len(r.found) == 0 {
		return nil
	}
	slices.SortStableFunc(r.found, func(a, b violation) int { return strings.Compare(a.Field, b.Field) })
	return r.found
}

// brief shows a value in an error.
func brief(v any) string {
	text := fmt.Sprint(v)
	switch v := v.(type) {
	case string:
		text = strconv.Quote(v)
	case map[string]any:
		text = "an object"
	case []any:
		text = "a list"
	}
	if len(text) > 100 {
		text = strings.ToValidUTF8(text[:100], "") + "..."
	}
	return text
}

// read checks an object against its shape and leaves it with every field by its
// name with underscores; fields that are null are absent, as in protobuf's JSON.
func (s *shape) read(at *place, object map[string]any, r *report) {
	var rename []string
	for key, v := range object {
		name := key
		f, known := s.fields[key]
		if !known {
			if name, known = s.camel[key]; known {
				f = s.fields[name]
				rename = append(rename, key)
			}
		}
		if !known {
			where := at.String()
			if where == "" {
				r.add("", "Invalid JSON payload received. Unknown name %s: Cannot find field.", brief(key))
			} else {
				r.add(where, "Invalid JSON payload received. Unknown name %s at '%s': Cannot find field.", brief(key), where)
			}
			continue
		}
		if v == nil {
			delete(object, key)
			continue
		}
		here := place{up: at, name: name}
		f.read(&here, v, r)
	}
	for _, key := range rename {
		name := s.camel[key]
		v, there := object[key]
		if _, twice := object[name]; twice && there {
			here := place{up: at, name: name}
			r.add(here.String(), "Invalid value at '%s': the field is given twice, as %s and as %s", &here, name, key)
		}
		if delete(object, key); there {
			object[name] = v
		}
	}
}

// durationText is how protobuf's JSON writes a duration.
var durationText = regexp.MustCompile(`^-?\d{1,12}(\.\d{1,9})?s$`)

// read checks one value.
func (f field) read(at *place, v any, r *report) {
	ok := true
	switch f.kind {
	case kindText:
		_, ok = v.(string)
	case kindFlag:
		_, ok = v.(bool)
	case kindWhole:
		n, isNumber := number(v)
		ok = isNumber && n == math.Trunc(n) && math.Abs(n) <= math.MaxInt32
	case kindNumber:
		_, ok = number(v)
	case kindDuration:
		text, isText := v.(string)
		ok = isText && durationText.MatchString(text)
	case kindTime:
		text, isText := v.(string)
		if ok = isText; ok {
			_, err := time.Parse(time.RFC3339Nano, text)
			ok = err == nil
		}
	case kindEnum:
		f.readEnum(at, v, r)
	case kindTexts, kindDurations:
		f.readList(at, v, r)
	case kindTextMap:
		f.readMap(at, v, r)
	case kindFree:
		_, ok = v.(map[string]any)
	case kindObject:
		object, isObject := v.(map[string]any)
		if ok = isObject; ok {
			f.of.read(at, object, r)
		}
	}
	if !ok {
		r.wrong(at, f.kind, v)
	}
}

// number reads a number, which protobuf's JSON also takes as text.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case string:
		n, err := strconv.ParseFloat(v, 64)
		return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
	}
	return 0, false
}

func (f field) readEnum(at *place, v any, r *report) {
	switch v := v.(type) {
	case string:
		if slices.ContainsFunc(f.names, func(name string) bool { return strings.EqualFold(name, v) }) {
			return
		}
	case float64:
		if v == math.Trunc(v) && v >= 0 && int(v) < len(f.names) {
			return
		}
	}
	r.add(at.String(), "Invalid value at '%s' (%s), %s; it may be %s", at, typeNames[kindEnum], brief(v), strings.Join(f.names, ", "))
}

func (f field) readList(at *place, v any, r *report) {
	list, ok := v.([]any)
	if !ok {
		r.wrong(at, f.kind, v)
		return
	}
	one := field{kind: kindText}
	if f.kind == kindDurations {
		one.kind = kindDuration
	}
	for i, item := range list {
		here := place{up: at, name: strconv.Itoa(i), item: true}
		one.read(&here, item, r)
	}
}

func (f field) readMap(at *place, v any, r *report) {
	values, ok := v.(map[string]any)
	if !ok {
		r.wrong(at, f.kind, v)
		return
	}
	for key, item := range values {
		if _, isText := item.(string); !isText {
			here := place{up: at, name: key, item: true}
			r.wrong(&here, kindText, item)
		}
	}
}
