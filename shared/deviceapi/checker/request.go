package checker

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// request says what of a request the description does not allow.
func (e Exchange) request() error {
	d, err := described()
	if err != nil {
		return err
	}
	op, known, err := d.operation(e.Method, e.Target)
	if err != nil || known == nil {
		return err
	}
	u, err := url.Parse(e.Target)
	if err != nil {
		return err
	}
	pattern := strings.Split(op, "/")[2] // paths, then this
	if err := d.path(pattern, u); err != nil {
		return err
	}
	if err := d.query(op, known, u); err != nil {
		return err
	}
	body, _ := known["requestBody"].(map[string]any)
	switch {
	case body == nil && e.Body != "":
		return fmt.Errorf("the call takes no body")
	case body == nil:
		return nil
	case e.Body == "" && body["required"] == true:
		return fmt.Errorf("the call needs a body")
	case e.Body == "":
		return nil
	}
	if err := d.conforms(op+pointer("requestBody", "content", "application/json", "schema"), []byte(e.Body)); err != nil {
		return fmt.Errorf("the body: %w", err)
	}
	return nil
}

// path checks what stands for the names in braces.
func (d *description) path(pattern string, u *url.URL) error {
	at := "/paths/" + pattern
	parameters, _ := d.at(at + "/parameters").([]any)
	given := strings.Split(u.EscapedPath(), "/")
	for i, step := range strings.Split(pattern, "~1") {
		name, isName := strings.CutPrefix(strings.TrimSuffix(step, "}"), "{")
		if !isName {
			continue
		}
		value, err := url.PathUnescape(given[i])
		if err != nil {
			return err
		}
		if err := d.parameter(parameters, at, "path", name, value); err != nil {
			return err
		}
	}
	return nil
}

func (d *description) query(op string, known map[string]any, u *url.URL) error {
	parameters, _ := known["parameters"].([]any)
	for name, values := range u.Query() {
		if err := d.parameter(parameters, op, "query", name, values[0]); err != nil {
			return err
		}
	}
	return nil
}

// parameter checks a parameter against the list of them below a pointer.
func (d *description) parameter(list []any, at, in, name, text string) error {
	for i, one := range list {
		p := one.(map[string]any)
		if p["name"] != name || p["in"] != in {
			continue
		}
		if err := d.allows(at+pointer("parameters", fmt.Sprint(i), "schema"), parsed(p["schema"].(map[string]any), text)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	return fmt.Errorf("the call has no parameter %s", name)
}

// parsed is the value of a parameter's text.
func parsed(schema map[string]any, text string) any {
	switch schema["type"] {
	case "integer":
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case "boolean":
		if text == "true" || text == "false" {
			return text == "true"
		}
	case "array":
		var list []any
		for _, one := range strings.Split(text, ",") {
			list = append(list, one)
		}
		return list
	}
	return text
}
