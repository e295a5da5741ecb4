package contract

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/throng-im/throng/shared/wire"
)

// object is a JSON object of the published description.
type object = map[string]any

const intro = `The server API of Throng, on the wire as RC's published server SDKs speak it.

An empty optional parameter counts as absent, unknown ones are ignored, and the order of parameters does not matter.
A list is sent by repeating its key. Calls that name a group, a user or a message that is not there answer 200 with
empty data or do nothing. Each header also goes by its name with RC- in front.`

// OpenAPI is the published description of the server API, made from the table.
func OpenAPI() ([]byte, error) {
	paths, tags := object{}, []string{}
	for _, r := range Routes() {
		method := strings.ToLower(cmp.Or(r.Method, http.MethodPost))
		paths[r.Path] = object{method: operation(r)}
		tags = append(tags, r.Function)
	}
	slices.Sort(tags)
	named := []object{}
	for _, tag := range slices.Compact(tags) {
		named = append(named, object{"name": tag})
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	err := enc.Encode(object{
		"openapi":    "3.1.0",
		"info":       object{"title": "Throng server API", "version": "1", "description": intro, "license": object{"name": "Apache 2.0", "identifier": "Apache-2.0"}},
		"servers":    []object{{"url": "http://127.0.0.1:8080", "description": "the local cloud of make run"}},
		"tags":       named,
		"security":   []object{signedWith("Signature"), signedWith(wire.StrongHeader)},
		"paths":      paths,
		"components": object{"securitySchemes": signature(), "schemas": schemas(), "responses": failures(answers(wire.Route{}))},
	})
	return b.Bytes(), err
}

// signedWith is one of the two ways to sign a request.
func signedWith(header string) object {
	none := []string{}
	return object{"AppKey": none, "Nonce": none, "Timestamp": none, header: none}
}

// signature describes the headers that sign a request.
func signature() object {
	header := func(name, about string) object {
		return object{"type": "apiKey", "in": "header", "name": name, "description": about}
	}
	return object{
		"AppKey":          header("App-Key", "the app's key"),
		"Nonce":           header("Nonce", "any text; it may repeat"),
		"Timestamp":       header("Timestamp", "the time, in seconds or milliseconds since 1970"),
		wire.StrongHeader: header(wire.StrongHeader, "v1= and the HMAC-SHA-256, keyed with the app's secret, of method, path with query, Timestamp, Nonce and the body's SHA-256, a line each; the request counts once"),
		"Signature":       header("Signature", "SHA-1 of the app's secret, Nonce and Timestamp in a row, as hexadecimal digits"),
	}
}

// schemas are the forms that many routes share.
func schemas() object {
	return object{
		"ID":    object{"type": "string", "pattern": "^[A-Za-z0-9+=_-]+$", "maxLength": idLength},
		"Error": fields(errorFields),
		"Done":  fields([]wire.Field{codeField}),
	}
}

func operation(r wire.Route) object {
	about := r.About
	if r.Units != "" {
		about += ". A rate limit counts one for each " + r.Units
	}
	op := object{"operationId": operationID(r.Path), "tags": []string{r.Function}, "summary": r.About, "description": about + "."}
	switch {
	case r.Method == http.MethodGet:
		op["parameters"] = query(r.Params)
	case len(r.Params) > 0:
		op["requestBody"] = object{"required": true, "content": body(r)}
	}
	responses := object{"200": object{"description": "done", "content": inJSON(reply(r))}}
	common := failures(answers(wire.Route{}))
	for name, response := range failures(answers(r)) {
		if reflect.DeepEqual(response, common[name]) {
			response = object{"$ref": "#/components/responses/" + name}
		}
		responses[strings.TrimPrefix(name, "Status")] = response
	}
	op["responses"] = responses
	return op
}

// operationID names a route: /group/user/query.json is groupUserQuery.
func operationID(path string) string {
	parts := strings.Split(strings.Trim(strings.TrimSuffix(path, ".json"), "/"), "/")
	for i, p := range parts[1:] {
		parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
	}
	return strings.Join(parts, "")
}

func reply(r wire.Route) object {
	if len(r.Reply) == 0 {
		return ref("Done")
	}
	return fields(append([]wire.Field{codeField}, r.Reply...))
}

func inJSON(schema object) object { return object{"application/json": object{"schema": schema}} }

// failures describes answers, one response for each status, by Status and its
// number.
func failures(list []wire.Answer) object {
	byStatus := map[int][]wire.Answer{}
	for _, a := range list {
		if !slices.Contains(byStatus[a.Status], a) {
			byStatus[a.Status] = append(byStatus[a.Status], a)
		}
	}
	out := object{}
	for status, list := range byStatus {
		slices.SortStableFunc(list, func(a, b wire.Answer) int { return cmp.Compare(a.Code, b.Code) })
		texts, codes := []string{}, []int{}
		for _, a := range list {
			texts, codes = append(texts, fmt.Sprintf("%d: %s.", a.Code, a.About)), append(codes, a.Code)
		}
		response := object{"description": strings.Join(texts, "\n"), "content": inJSON(object{
			"allOf": []object{ref("Error"), {"properties": object{"code": object{"enum": slices.Compact(codes)}}}}})}
		if status == http.StatusTooManyRequests {
			response["headers"] = object{"Retry-After": object{"description": "seconds to wait", "schema": object{"type": "integer"}}}
		}
		out["Status"+strconv.Itoa(status)] = response
	}
	return out
}
