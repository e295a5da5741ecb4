package wire

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
)

// Kind is the form of a parameter's value.
type Kind int

// The kinds of parameters.
const (
	// Text is any text.
	Text Kind = iota
	// ID is a user's or a group's id.
	ID
	// Int is a decimal number, Bool true or false (or 1 or 0).
	Int
	Bool
	// IDMap is any number of NAME[id]=text pairs, at most Count of them.
	IDMap
	// JSON is a text that holds JSON; in a JSON body, whatever stands there.
	JSON
)

// Param is a row of a route's parameter table. Zero limits do not limit.
type Param struct {
	Name     string
	Kind     Kind
	Required bool
	// Repeated parameters take at most Count values; an id given twice counts
	// once for the handler, but twice for the limit.
	Repeated bool
	Count    int
	// MaxChars and MaxBytes bound the length of each value.
	MaxChars, MaxBytes int
	// Min and Max bound an Int. A Max below Min does not limit.
	Min, Max int
	// About says what the parameter is for, in the published description.
	About string
}

// Args are a request's parameters, checked against the route's table.
type Args struct {
	form form
	ints map[string]int
	maps map[string]map[string]string
}

// Text returns the first value of a parameter, or "".
func (a *Args) Text(name string) string { return a.form.one(name) }

// Has says whether the parameter was given and not empty.
func (a *Args) Has(name string) bool { return a.form.one(name) != "" }

// Int returns a number, or fallback when it was not given.
func (a *Args) Int(name string, fallback int) int {
	if n, ok := a.ints[name]; ok {
		return n
	}
	return fallback
}

// Texts returns the values of a repeated parameter in order.
func (a *Args) Texts(name string) []string { return a.form.all(name) }

// Bool says whether a flag was given as true or 1.
func (a *Args) Bool(name string) bool { return a.ints[name] != 0 }

// Map returns the NAME[id]=text pairs; an id without text is there, too.
func (a *Args) Map(name string) map[string]string { return a.maps[name] }

// JSON decodes a parameter of that kind into a value; one that was not given
// leaves it as it is. JSON of another form than the value's is a fault.
func (a *Args) JSON(name string, into any) error {
	text := a.Text(name)
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fault.New(fault.InvalidArgument, "%s has not the documented form", name)
	}
	return nil
}

// User and Group return an id.
func (a *Args) User(name string) id.User   { return id.User(a.Text(name)) }
func (a *Args) Group(name string) id.Group { return id.Group(a.Text(name)) }

// Users and Groups return the distinct ids of a repeated parameter in order.
func (a *Args) Users(name string) []id.User   { return distinct[id.User](a.form.all(name)) }
func (a *Args) Groups(name string) []id.Group { return distinct[id.Group](a.form.all(name)) }

func distinct[T ~string](values []string) []T {
	seen := make(map[string]bool, len(values))
	out := make([]T, 0, len(values))
	for _, v := range values {
		if !seen[v] {
			seen[v] = true
			out = append(out, T(v))
		}
	}
	return out
}

// check validates a form against a table.
func check(params []Param, f form) (*Args, error) {
	a := &Args{form: f}
	for _, p := range params {
		if p.Kind == IDMap {
			m, err := p.idMap(f)
			if err != nil {
				return nil, err
			}
			if a.maps == nil {
				a.maps = map[string]map[string]string{}
			}
			a.maps[p.Name] = m
			continue
		}
		if err := p.check(a); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (p Param) check(a *Args) error {
	values := a.form.all(p.Name)
	if len(values) == 0 {
		if p.Required {
			return fault.New(fault.InvalidArgument, "%s is required", p.Name)
		}
		return nil
	}
	if p.Repeated && p.Count > 0 && len(values) > p.Count {
		return fault.New(fault.InvalidArgument, "%s was given %d times, at most %d are allowed", p.Name, len(values), p.Count)
	}
	if !p.Repeated {
		values = values[:1]
	}
	for _, v := range values {
		if err := p.value(a, v); err != nil {
			return err
		}
	}
	return nil
}

func (p Param) value(a *Args, v string) error {
	if p.MaxBytes > 0 && len(v) > p.MaxBytes {
		return fault.New(fault.TooLarge, "%s is longer than %d bytes", p.Name, p.MaxBytes)
	}
	if p.MaxChars > 0 && utf8.RuneCountInString(v) > p.MaxChars {
		return fault.New(fault.TooLarge, "%s is longer than %d characters", p.Name, p.MaxChars)
	}
	switch p.Kind {
	case Text:
		if !utf8.ValidString(v) {
			return fault.New(fault.InvalidArgument, "%s is not valid UTF-8", p.Name)
		}
	case ID:
		return id.Valid(p.Name, v)
	case Int:
		n, err := strconv.Atoi(v)
		if err != nil {
			return fault.New(fault.InvalidArgument, "%s is not a whole number", p.Name)
		}
		return p.number(a, n)
	case Bool:
		switch strings.ToLower(v) {
		case "true", "1":
			a.set(p.Name, 1)
		case "false", "0":
			a.set(p.Name, 0)
		default:
			return fault.New(fault.InvalidArgument, "%s must be true or false", p.Name)
		}
	case JSON:
		if !json.Valid([]byte(v)) {
			return fault.New(fault.InvalidArgument, "%s is not JSON", p.Name)
		}
	case IDMap:
		panic(fmt.Sprintf("%s: a map has no single value", p.Name))
	}
	return nil
}

func (p Param) number(a *Args, n int) error {
	switch bounded := p.Min != 0 || p.Max != 0; {
	case bounded && p.Max < p.Min && n < p.Min:
		return fault.New(fault.InvalidArgument, "%s must be at least %d", p.Name, p.Min)
	case bounded && p.Max >= p.Min && (n < p.Min || n > p.Max):
		return fault.New(fault.InvalidArgument, "%s must be from %d to %d", p.Name, p.Min, p.Max)
	}
	a.set(p.Name, n)
	return nil
}

func (a *Args) set(name string, n int) {
	if a.ints == nil {
		a.ints = map[string]int{}
	}
	a.ints[name] = n
}

// idMap collects NAME[id]=text. The text may be empty.
func (p Param) idMap(f form) (map[string]string, error) {
	out := map[string]string{}
	for _, pr := range f.pairs {
		inner, ok := strings.CutPrefix(pr.key, p.Name+"[")
		if !ok {
			continue
		}
		key := strings.TrimSuffix(inner, "]")
		if err := id.Valid(p.Name+"[]", key); err != nil {
			return nil, err
		}
		if p.MaxChars > 0 && utf8.RuneCountInString(pr.value) > p.MaxChars {
			return nil, fault.New(fault.TooLarge, "%s[%s] is longer than %d characters", p.Name, key, p.MaxChars)
		}
		if !utf8.ValidString(pr.value) {
			return nil, fault.New(fault.InvalidArgument, "%s[%s] is not valid UTF-8", p.Name, key)
		}
		out[key] = pr.value
		if p.Count > 0 && len(out) > p.Count {
			return nil, fault.New(fault.InvalidArgument, "%s[] was given more than %d times", p.Name, p.Count)
		}
	}
	return out, nil
}
