package contract

import (
	"fmt"

	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/wire"
)

const idLength = id.MaxLength

// query describes the parameters of a GET.
func query(params []wire.Param) []object {
	out := []object{}
	for _, p := range params {
		out = append(out, object{"name": p.Name, "in": "query", "required": p.Required, "description": p.About, "schema": schemaOf(p, wire.Form), "style": "form", "explode": true})
	}
	return out
}

// body describes the parameters of a POST. In a form, a list repeats its key and
// a map is NAME[id]=text.
func body(r wire.Route) object {
	properties, required, encoding := object{}, []string{}, object{}
	for _, p := range r.Params {
		s := schemaOf(p, r.Body)
		s["description"] = p.About
		properties[p.Name] = s
		if p.Required {
			required = append(required, p.Name)
		}
		switch {
		case p.Kind == wire.IDMap:
			encoding[p.Name] = object{"style": "deepObject", "explode": true}
		case p.Repeated:
			encoding[p.Name] = object{"style": "form", "explode": true}
		}
	}
	schema := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		schema["required"] = required
	}
	if r.Body == wire.JSONBody {
		return inJSON(schema)
	}
	form := object{"schema": schema}
	if len(encoding) > 0 {
		form["encoding"] = encoding
	}
	return object{"application/x-www-form-urlencoded": form}
}

// schemaOf describes a parameter's value or values.
func schemaOf(p wire.Param, in wire.Encoding) object {
	if p.Kind == wire.IDMap {
		s := object{"type": "object", "additionalProperties": text(p), "propertyNames": ref("ID")}
		if p.Count > 0 {
			s["maxProperties"] = p.Count
		}
		return s
	}
	one := value(p, in)
	if !p.Repeated {
		return one
	}
	s := object{"type": "array", "items": one}
	if p.Required {
		s["minItems"] = 1
	}
	if p.Count > 0 {
		s["maxItems"] = p.Count
	}
	return s
}

// value describes one value. The SDKs disagree on whether a number or a flag in
// a JSON body is one or is a text that says it, and both are taken.
func value(p wire.Param, in wire.Encoding) object {
	switch p.Kind {
	case wire.ID:
		return ref("ID")
	case wire.Int:
		if in == wire.JSONBody {
			return object{"anyOf": []object{number(p), {"type": "string", "pattern": "^-?[0-9]+$"}}}
		}
		return number(p)
	case wire.Bool:
		forms := []object{{"type": "boolean"}, {"type": "integer", "enum": []int{0, 1}}}
		if in == wire.JSONBody {
			forms = append(forms, object{"type": "string", "enum": []string{"true", "false", "1", "0"}})
		}
		return object{"anyOf": forms}
	case wire.JSON:
		if in == wire.JSONBody {
			return object{}
		}
		s := text(p)
		s["contentMediaType"] = "application/json"
		return s
	default:
		return text(p)
	}
}

func ref(name string) object { return object{"$ref": "#/components/schemas/" + name} }

func number(p wire.Param) object {
	n := object{"type": "integer", "format": "int64"}
	if p.Min == 0 && p.Max == 0 {
		return n
	}
	n["minimum"] = p.Min
	if p.Max >= p.Min {
		n["maximum"] = p.Max
	}
	return n
}

// text describes a text. OpenAPI counts characters; a bound in bytes is one of
// characters, too, and says itself in words.
func text(p wire.Param) object {
	s := object{"type": "string"}
	switch {
	case p.MaxChars > 0:
		s["maxLength"] = p.MaxChars
	case p.MaxBytes > 0:
		s["maxLength"] = p.MaxBytes
		s["$comment"] = fmt.Sprintf("at most %d bytes in UTF-8", p.MaxBytes)
	}
	return s
}

// fields describes an object of a reply.
func fields(list []wire.Field) object {
	properties, required := object{}, []string{}
	for _, f := range list {
		s := field(f)
		s["description"] = f.About
		properties[f.Name] = s
		if !f.Optional {
			required = append(required, f.Name)
		}
	}
	return object{"type": "object", "properties": properties, "required": required}
}

func field(f wire.Field) object {
	switch f.Type {
	case "object":
		return fields(f.Fields)
	case "array":
		return object{"type": "array", "items": fields(f.Fields)}
	case "strings":
		return object{"type": "array", "items": object{"type": "string"}}
	case "map":
		return object{"type": "object", "additionalProperties": fields(f.Fields)}
	case "integer":
		return object{"type": "integer", "format": "int64"}
	default:
		return object{"type": f.Type}
	}
}
