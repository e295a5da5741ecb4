package wire_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/wire"
)

// given is what the handlers of the SDK tests saw of their parameters.
type given struct {
	Users   []id.User
	Groups  []id.Group
	Texts   map[string]string
	Ints    map[string]int
	Flags   map[string]bool
	Map     map[string]string
	Missing []string
}

// sdkRoutes are routes whose parameters cover what the SDKs do in their own
// ways. Each handler notes what it got.
func sdkRoutes(got *given) []wire.Route {
	ids := func(name string) wire.Param {
		return wire.Param{Name: name, Kind: wire.ID, Repeated: true, Count: 1000}
	}
	note := func(texts, ints, flags []string) func(context.Context, *wire.Args) (wire.Reply, error) {
		return func(_ context.Context, a *wire.Args) (wire.Reply, error) {
			*got = given{Users: a.Users("userId"), Groups: a.Groups("toGroupId"), Texts: map[string]string{}, Ints: map[string]int{}, Flags: map[string]bool{}, Map: a.Map("group")}
			for _, n := range texts {
				if got.Texts[n] = a.Text(n); !a.Has(n) {
					got.Missing = append(got.Missing, n)
					delete(got.Texts, n)
				}
			}
			for _, n := range ints {
				got.Ints[n] = a.Int(n, -1)
			}
			for _, n := range flags {
				got.Flags[n] = a.Bool(n)
			}
			return nil, nil
		}
	}
	return []wire.Route{
		{Path: "/group/create.json", Params: []wire.Param{ids("userId"), {Name: "groupId", Kind: wire.ID, Required: true}, {Name: "groupName"},
			{Name: "bindNotifyMsg", Kind: wire.Bool}, {Name: "content"}, {Name: "maxMember", Kind: wire.Int}},
			Handle: note([]string{"groupId", "groupName", "content"}, []string{"maxMember"}, []string{"bindNotifyMsg"})},
		{Path: "/message/group/publish.json", Params: []wire.Param{{Name: "fromUserId", Kind: wire.ID, Required: true}, ids("toGroupId"),
			{Name: "content", Required: true, MaxBytes: 128 << 10}, {Name: "pushContent"}, {Name: "isPersisted", Kind: wire.Bool}, {Name: "disablePush", Kind: wire.Bool}},
			Handle: note([]string{"fromUserId", "content", "pushContent"}, nil, []string{"isPersisted", "disablePush"})},
		{Path: "/group/sync.json", Params: []wire.Param{ids("userId"), {Name: "group", Kind: wire.IDMap}}, Handle: note(nil, nil, nil)},
		{Path: "/user/deactivate/query.json", Params: []wire.Param{{Name: "pageNo", Kind: wire.Int}}, Handle: note(nil, []string{"pageNo"}, nil)},
		{Path: "/v3/message/group/query.json", Body: wire.JSONBody, Params: []wire.Param{ids("userId"), {Name: "startTime", Kind: wire.Int, Required: true},
			{Name: "pageSize", Kind: wire.Int, Min: 1, Max: 100}, {Name: "includeStart", Kind: wire.Bool}},
			Handle: note(nil, []string{"startTime", "pageSize"}, []string{"includeStart"})},
		{Path: "/user/conversation/tag/get.json", Method: http.MethodGet, Params: []wire.Param{ids("userId")}, Handle: note(nil, nil, nil)},
	}
}

// sdkRequests are what the published SDKs put on the wire, but for the values.
// SIGNATURE(nonce, timestamp) is filled in, and so is the body's length.
var sdkRequests = map[string]struct {
	head, body string
	want       given
}{
	"Go sends a group in shuffled keys": {
		`POST /group/create.json HTTP/1.1
Host: api
User-Agent: rc-go-sdk/4.0.7
App-Key: key
Content-Type: application/x-www-form-urlencoded
Nonce: 9697760830021593881
Signature: SIGNATURE(9697760830021593881,1480479442)
Timestamp: 1480479442
X-Request-Id: 0b9c1b1e-6b0f-4a36-9c7e-000000000000
Accept-Encoding: gzip`,
		"userId=u2&groupName=%E7%BE%A4+1&userId=u1&maxMember=0&groupId=g1&userId=u2",
		given{Users: []id.User{"u2", "u1"}, Texts: map[string]string{"groupId": "g1", "groupName": "群 1"}, Ints: map[string]int{"maxMember": 0}, Flags: map[string]bool{"bindNotifyMsg": false}, Missing: []string{"content"}},
	},
	"Go sends a message with empty optionals": {
		`POST /message/group/publish.json HTTP/1.1
Host: api
App-Key: key
Content-Type: application/x-www-form-urlencoded
Nonce: 969776083002159388
Signature: SIGNATURE(969776083002159388,1480479442)
Timestamp: 1480479442`,
		`content=%7B%22content%22%3A%22100%25+sure+%26+%3Cb%3E%22%7D&disablePush=false&expansion=false&fromUserId=u1&isPersisted=1&objectName=RC%3ATxtMsg&pushContent=&pushData=&toGroupId=g1&toGroupId=g2`,
		given{Groups: []id.Group{"g1", "g2"}, Texts: map[string]string{"fromUserId": "u1", "content": `{"content":"100% sure & <b>"}`}, Flags: map[string]bool{"isPersisted": true, "disablePush": false}, Missing: []string{"pushContent"}},
	},
	"Go escapes brackets": {
		`POST /group/sync.json HTTP/1.1
Host: api
App-Key: key
Content-Type: application/x-www-form-urlencoded
Nonce: 1
Signature: SIGNATURE(1,1480479442)
Timestamp: 1480479442`,
		"group%5Bu02%5D=name+2&group%5Bu01%5D=name&userId=u1",
		given{Users: []id.User{"u1"}, Map: map[string]string{"u02": "name 2", "u01": "name"}},
	},
	"Go doubles a slash": {
		`POST //user/deactivate/query.json HTTP/1.1
Host: api
App-Key: key
Content-Type: application/x-www-form-urlencoded
Nonce: 1
Signature: SIGNATURE(1,1480479442)
Timestamp: 1480479442`,
		"pageNo=1",
		given{Ints: map[string]int{"pageNo": 1}},
	},
	"Go sends numbers in JSON as texts": {
		`POST /v3/message/group/query.json HTTP/1.1
Host: api
App-Key: key
Content-Type: application/json
Nonce: 1
Signature: SIGNATURE(1,1480479442)
Timestamp: 1480479442`,
		`{"endTime":"1743584071876","includeStart":"true","pageSize":"10","startTime":"1743584000000","targetId":"g1","userId":"u1"}`,
		given{Users: []id.User{"u1"}, Ints: map[string]int{"startTime": 1743584000000, "pageSize": 10}, Flags: map[string]bool{"includeStart": true}},
	},
	"Java sends a decimal nonce, raw brackets": {
		`POST /group/sync.json HTTP/1.1
Host: api
User-Agent: rc-java-sdk/3.6.4
App-Key: key
Nonce: 482913.23847
Timestamp: 1480479442
Signature: SIGNATURE(482913.23847,1480479442)
Content-Type: application/x-www-form-urlencoded; charset=utf-8`,
		"userId=u1&group[g2]=two%20words&group[g1]=one",
		given{Users: []id.User{"u1"}, Map: map[string]string{"g1": "one", "g2": "two words"}},
	},
	"Java does not encode a bound message": {
		`POST /group/create.json HTTP/1.1
Host: api
App-Key: key
Nonce: 482913.23847
Timestamp: 1480479442
Signature: SIGNATURE(482913.23847,1480479442)
Content-Type: application/x-www-form-urlencoded`,
		`userId=u1&groupId=g1&groupName=G&bindNotifyMsg=true&content={"content":"100% sure; a=b 群"}&pushContent=50%&objectName=RC:TxtMsg`,
		given{Users: []id.User{"u1"}, Texts: map[string]string{"groupId": "g1", "groupName": "G", "content": `{"content":"100% sure; a=b 群"}`}, Ints: map[string]int{"maxMember": -1}, Flags: map[string]bool{"bindNotifyMsg": true}},
	},
	"Java sends numbers in JSON as numbers": {
		`POST /v3/message/group/query.json HTTP/1.1
Host: api
App-Key: key
Nonce: 482913.23847
Timestamp: 1480479442
Signature: SIGNATURE(482913.23847,1480479442)
Content-Type: application/json`,
		`{"userId":"u1","targetId":"g1","startTime":1743584000000,"endTime":1743584071876,"pageSize":null,"includeStart":true}`,
		given{Users: []id.User{"u1"}, Ints: map[string]int{"startTime": 1743584000000, "pageSize": -1}, Flags: map[string]bool{"includeStart": true}},
	},
	"Java reads tags with GET": {
		`GET /user/conversation/tag/get.json?userId=u%2B1 HTTP/1.1
Host: api
App-Key: key
Nonce: 482913.23847
Timestamp: 1480479442
Signature: SIGNATURE(482913.23847,1480479442)`,
		"",
		given{Users: []id.User{"u+1"}},
	},
	"PHP sends nothing where nothing is required": {
		`POST /user/deactivate/query.json HTTP/1.1
Host: api
RC-App-Key: key
RC-Nonce: 583417
RC-Timestamp: 1480479442
RC-Signature: SIGNATURE(583417,1480479442)
Content-Type: application/x-www-form-urlencoded`,
		"",
		given{Ints: map[string]int{"pageNo": -1}},
	},
	"PHP flattens arrays": {
		`POST /group/create.json HTTP/1.1
Host: api
User-Agent: rc-php-sdk/3.4.2
RC-App-Key: key
RC-Nonce: 583417
RC-Timestamp: 1480479442
RC-Signature: SIGNATURE(583417,1480479442)
Content-Type: application/x-www-form-urlencoded
X-Request-ID: 0b9c1b1e6b0f4a369c7e000000000000`,
		"userId=u1&userId=u2&groupId=g1&groupName=PHP+%E7%BE%A4",
		given{Users: []id.User{"u1", "u2"}, Texts: map[string]string{"groupId": "g1", "groupName": "PHP 群"}, Ints: map[string]int{"maxMember": -1}, Flags: map[string]bool{"bindNotifyMsg": false}, Missing: []string{"content"}},
	},
	"Node keeps nonce and timestamp, in lower case": {
		`POST /message/group/publish.json HTTP/1.1
host: api
app-key: key
nonce: 123456
timestamp: 1408710653
signature: SIGNATURE(123456,1408710653)
content-type: Application/x-www-form-urlencoded
user-agent: rc-nodejs-sdk/1.0.0`,
		"fromUserId=u1&toGroupId=g1&objectName=RC%3ATxtMsg&content=%7B%22content%22%3A%22hi%22%7D&isPersisted=0",
		given{Groups: []id.Group{"g1"}, Texts: map[string]string{"fromUserId": "u1", "content": `{"content":"hi"}`}, Flags: map[string]bool{"isPersisted": false, "disablePush": false}, Missing: []string{"pushContent"}},
	},
	"Python relies on the default type": {
		`POST /group/create.json HTTP/1.1
Host: api
User-Agent: rc-python-sdk/3.1.1
App-key: key
Nonce: 614873992
Timestamp: 1480479442
Signature: SIGNATURE(614873992,1480479442)
Connection: close`,
		"groupId=g1&userId=u1&userId=u2&groupName=Python",
		given{Users: []id.User{"u1", "u2"}, Texts: map[string]string{"groupId": "g1", "groupName": "Python"}, Ints: map[string]int{"maxMember": -1}, Flags: map[string]bool{"bindNotifyMsg": false}, Missing: []string{"content"}},
	},
	"the documentation's timestamp is in milliseconds": {
		`POST /group/sync.json HTTP/1.1
Host: api
APP-KEY: key
NONCE: 14314
TIMESTAMP: 1408710653491
SIGNATURE: SIGNATURE(14314,1408710653491)
Content-Type: Application/x-www-form-urlencoded`,
		"userId=u1",
		given{Users: []id.User{"u1"}, Map: map[string]string{}},
	},
}

// raw completes a request of the table to bytes.
func raw(head, body string) string {
	before, rest, _ := strings.Cut(head, "SIGNATURE(")
	signature, after, _ := strings.Cut(rest, ")")
	nonce, timestamp, _ := strings.Cut(signature, ",")
	head = before + wire.Signature(app.AppSecret, nonce, timestamp) + after
	return strings.ReplaceAll(head, "\n", "\r\n") + fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func TestPublishedSDKsAreUnderstood(t *testing.T) {
	for name, c := range sdkRequests {
		t.Run(name, func(t *testing.T) {
			var got given
			server := httptest.NewServer(wire.Handler(wire.Options{Settings: app, Now: time.Now}, sdkRoutes(&got)))
			defer server.Close()
			status, out := exchange(t, server, raw(c.head, c.body))
			if status != http.StatusOK || out != `{"code":200}`+"\n" {
				t.Fatalf("answered %d %s", status, out)
			}
			// Printed, empty and absent lists are the same.
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", c.want) {
				t.Errorf("the handler got %+v, want %+v", got, c.want)
			}
		})
	}
}

// exchange sends bytes over a connection and reads the answer.
func exchange(t *testing.T, server *httptest.Server, request string) (status int, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// TestAWindowRefusesALongLivedTimestamp shows why there is no window by default.
func TestAWindowRefusesALongLivedTimestamp(t *testing.T) {
	s := settings.Settings{AppKey: "key", AppSecret: "secret", SignatureWindow: time.Minute}
	server := httptest.NewServer(wire.Handler(wire.Options{Settings: s, Now: time.Now}, sdkRoutes(new(given))))
	defer server.Close()
	c := sdkRequests["Node keeps nonce and timestamp, in lower case"]
	status, out := exchange(t, server, raw(c.head, c.body))
	var e struct{ Code int }
	if err := json.Unmarshal([]byte(out), &e); err != nil || status != 401 || e.Code != 1004 {
		t.Errorf("answered %d %s", status, out)
	}
}

func TestAnErrorIsWhatTheSDKsDecode(t *testing.T) {
	server := httptest.NewServer(wire.Handler(wire.Options{Settings: app, Now: time.Now}, sdkRoutes(new(given))))
	defer server.Close()
	c := sdkRequests["Python relies on the default type"]
	status, out := exchange(t, server, raw(c.head, "userId=u1"))
	want := map[string]any{"code": 1002.0, "errorMessage": "groupId is required", "url": "/group/create.json"}
	var got map[string]any
	if err := json.Unmarshal([]byte(out), &got); err != nil || status != 400 || !reflect.DeepEqual(got, want) {
		t.Errorf("answered %d %s", status, out)
	}
}
