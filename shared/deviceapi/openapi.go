package deviceapi

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/throng-im/throng/shared/contract"
	"github.com/throng-im/throng/shared/fault"
)

const intro = `What phones, browsers and desktop clients speak to Throng: JSON over HTTPS and one stream.

A call carries the token that the app's server got from /user/getToken.json, and can only ever be for the token's own user.
Times are Unix milliseconds. A seq numbers the entries of one group, from 1. Of a request, unknown fields and parameters are ignored,
null counts as absent, and Content-Type is not looked at; a body is at most 1 MiB.

A failure is an HTTP status with an error object, whose code is out of a closed list; 429, and where it helps 503, say in
Retry-After how many seconds to wait. A path that is not here answers 404 with not_found, a method that a path does not
take 405 with invalid_argument. A call that was answered 5xx, or not at all, may be repeated: messages and what changes them
with the same clientId, everything else as it is.

Later versions may add fields, kinds and types of events. A client passes over what it does not know.`

// everyKind are all failures that some call answers with; by their codes the
// closed list.
func everyKind() []fault.Kind {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(answers)), func(k fault.Kind) bool { return code(k) != k })
}

// OpenAPI is the published description of the device API, made from the table.
func OpenAPI() ([]byte, error) {
	paths, tags := object{}, []object{}
	for _, c := range Calls() {
		at, _ := paths[c.Path].(object)
		if at == nil {
			at = object{}
			if in := inPath(c.Path); len(in) > 0 {
				at["parameters"] = in
			}
			paths[c.Path] = at
		}
		at[strings.ToLower(c.Method)] = c.operation()
		if tag := (object{"name": c.tag}); !slices.ContainsFunc(tags, func(t object) bool { return t["name"] == c.tag }) {
			tags = append(tags, tag)
		}
	}
	schemas := forms()
	schemas[StreamEvents] = record(events...)
	responses := object{}
	for status, response := range failures(everyKind()) {
		responses["Status"+status] = response
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	err := enc.Encode(object{
		"openapi":  "3.1.0",
		"info":     object{"title": "Throng device API", "version": "1", "description": intro, "license": object{"name": "Apache 2.0", "identifier": "Apache-2.0"}},
		"servers":  []object{{"url": "http://127.0.0.1:8080" + Base, "description": "the local cloud of make run"}},
		"tags":     tags,
		"security": []object{{"bearer": []string{}}},
		"paths":    paths,
		"components": object{"schemas": schemas, "responses": responses, "securitySchemes": object{
			"bearer": object{"type": "http", "scheme": "bearer", "description": "the token of /user/getToken.json"},
			"token":  object{"type": "apiKey", "in": "query", "name": "token", "description": "the same, where no header can be sent"},
		}},
	})
	return b.Bytes(), err
}

// pathNames are what paths have in braces.
var pathNames = map[string]field{
	"groupId":    groupID,
	"messageUID": must("messageUID", words(), "the message; one that is none is not found"),
	"deviceId":   must("deviceId", ref("ID"), "the device: what the app names this installation, the same for as long as it is installed"),
	"tagId":      must("tagId", text(contract.MaxTagID), "the tag"),
}

var inBraces = regexp.MustCompile(`\{(\w+)\}`)

// inPath describes what a path has in braces.
func inPath(path string) []object {
	var out []object
	for _, m := range inBraces.FindAllStringSubmatch(path, -1) {
		out = append(out, pathNames[m[1]].parameter("path"))
	}
	return out
}

// parameter describes a parameter of a path, a query or a header. A list is
// separated by commas.
func (f field) parameter(in string) object {
	p := object{"name": f.name, "in": in, "required": f.required, "description": f.about, "schema": f.schema}
	if f.schema["type"] == "array" {
		p["style"], p["explode"] = "form", false
	}
	return p
}

func (c Call) operation() object {
	about := c.about + "."
	if c.notes != "" {
		about += " " + c.notes
	}
	if c.Paced {
		about += " It counts for the rate limit of the user's devices."
	}
	op := object{"operationId": c.Name, "tags": []string{c.tag}, "summary": c.about, "description": about}
	var parameters []object
	for _, f := range c.query {
		if c.Function == "stream" && f.name == "token" {
			op["security"] = []object{{"bearer": []string{}}, {"token": []string{}}}
			continue // a way to authenticate is not described as a parameter
		}
		parameters = append(parameters, f.parameter("query"))
	}
	for _, f := range c.header {
		parameters = append(parameters, f.parameter("header"))
	}
	if len(parameters) > 0 {
		op["parameters"] = parameters
	}
	if c.body != nil {
		op["requestBody"] = object{"required": c.body["required"] != nil, "content": inJSON(c.body)}
	}
	responses, shared := failures(c.Errors()), failures(everyKind())
	for status, response := range responses {
		if reflect.DeepEqual(response, shared[status]) {
			responses[status] = object{"$ref": "#/components/responses/Status" + status}
		}
	}
	responses["200"] = object{"description": "done", "content": inJSON(c.reply)}
	if c.reply == nil {
		responses["200"] = object{"description": "events, for as long as the device is connected", "content": object{
			"text/event-stream": object{"schema": object{"type": "string", "description": "events, whose data " + StreamEvents + " describes"}}}}
	}
	op["responses"] = responses
	return op
}

func inJSON(schema object) object { return object{"application/json": object{"schema": schema}} }

// failures describes what failures are answered, by status.
func failures(kinds []fault.Kind) object {
	byStatus := map[int][]fault.Kind{http.StatusInternalServerError: {fault.Unavailable}}
	for _, kind := range kinds {
		status := answers[kind].status
		byStatus[status] = append(byStatus[status], code(kind))
	}
	out := object{}
	for status, codes := range byStatus {
		texts := make([]string, len(codes))
		for i, c := range codes {
			texts[i] = string(c) + ": " + about[c]
		}
		response := object{"description": strings.Join(texts, "\n"), "content": inJSON(object{"allOf": []object{ref("Error"),
			{"properties": object{"error": object{"properties": object{"code": object{"enum": codes}}}}}}})}
		if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			response["headers"] = object{"Retry-After": object{"description": "seconds to wait", "required": status == http.StatusTooManyRequests,
				"schema": object{"type": "integer", "minimum": 1}}}
		}
		out[strconv.Itoa(status)] = response
	}
	return out
}

// about says of each code when it comes.
var about = map[fault.Kind]string{
	fault.InvalidArgument:  "the request has not the form that is described, or something in it that cannot be",
	fault.TooLarge:         "something in the request, or what would come of it, is larger than it may be",
	fault.Unauthenticated:  "there is no token, or none of this app's",
	fault.TokenExpired:     "the token is over or was ended by the app; the device needs a new one",
	fault.PermissionDenied: "it is not the user's to do, the app does not have it enabled, or the app's own server refuses it",
	fault.NotMember:        "the user is not a member of the group, or there is no such group",
	fault.Muted:            "the user is muted in the group or in all",
	fault.GroupMuted:       "the group is muted and the user is not on its allowlist",
	fault.GroupDismissed:   "the group was dismissed",
	fault.NotFound:         "there is no such thing, or it is not the user's to see",
	fault.RateLimited:      "the user's devices send too fast",
	fault.Unavailable:      "the call may or may not have been carried out; it may be repeated",
}
