package deviceapi

import (
	"fmt"
	"maps"

	"github.com/throng-im/throng/shared/id"
)

// object is a JSON object of the published description.
type object = map[string]any

// field is a field of an object, or a parameter of a query.
type field struct {
	name, about string
	required    bool
	schema      object
}

// must is a field that is always there, may one that is there where it says
// something.
func must(name string, schema object, about string) field { return field{name, about, true, schema} }
func may(name string, schema object, about string) field  { return field{name, about, false, schema} }

// described is a field's schema with what it is for.
func (f field) described() object {
	s := maps.Clone(f.schema)
	s["description"] = f.about
	return s
}

// given is an object of a request. Unknown fields are ignored.
func given(fields ...field) object {
	properties, required := object{}, []string{}
	for _, f := range fields {
		properties[f.name] = f.described()
		if f.required {
			required = append(required, f.name)
		}
	}
	s := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

// record is an object of a reply. It has no other fields.
func record(fields ...field) object {
	s := given(fields...)
	s["additionalProperties"] = false
	return s
}

func ref(name string) object { return object{"$ref": "#/components/schemas/" + name} }

// text is a text of at most so many characters, octets one of at most so many
// bytes: JSON Schema has no word for these, so it says the characters that they
// are at most, and the rest in words.
func text(most int) object { return object{"type": "string", "maxLength": most} }
func octets(most int) object {
	return object{"type": "string", "maxLength": most, "$comment": fmt.Sprintf("at most %d bytes in UTF-8", most)}
}

// filled is a text that is not empty.
func filled(s object) object { s["minLength"] = 1; return s }

// oneOf is a text or a number out of a list.
func oneOf[T any](kind string, values ...T) object { return object{"type": kind, "enum": values} }

func words() object   { return object{"type": "string"} }
func flag() object    { return object{"type": "boolean"} }
func integer() object { return object{"type": "integer", "format": "int64"} }

// from is a whole number that is at least so large.
func from(least int64) object {
	n := integer()
	n["minimum"] = least
	return n
}

func within(least, most int64) object {
	n := from(least)
	n["maximum"] = most
	return n
}

// orElse says what counts where nothing is given.
func orElse(s object, value any) object { s["default"] = value; return s }

func list(of object) object { return object{"type": "array", "items": of} }

// some is a list of at least one and at most so many.
func some(of object, most int) object {
	s := upTo(of, most)
	s["minItems"] = 1
	return s
}

func upTo(of object, most int) object {
	s := list(of)
	s["maxItems"] = most
	return s
}

// byKey is an object from keys of one form to values.
func byKey(key, value object) object {
	return object{"type": "object", "propertyNames": key, "additionalProperties": value}
}

// named is the form of ids.
func named() object {
	return object{"type": "string", "pattern": "^[A-Za-z0-9+=_-]+$", "minLength": 1, "maxLength": id.MaxLength}
}

func (n Number) field() field {
	return may(n.Name, n.schema(), n.about)
}

func (n Number) schema() object {
	s := within(n.Least, n.Most)
	if n.Default != 0 {
		s["default"] = n.Default
	}
	return s
}
