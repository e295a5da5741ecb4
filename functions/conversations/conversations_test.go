package conversations_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/functions/conversations"
	"github.com/throng-im/throng/shared/cloud"
	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/contract/contracttest"
	"github.com/throng-im/throng/shared/conversation"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/notify"
	"github.com/throng-im/throng/shared/settings"
	"github.com/throng-im/throng/shared/user"
)

// office is the function on a store in memory.
type office struct {
	*testing.T
	store   *commit.Memory
	users   *user.Users
	handler http.Handler
}

var now = time.UnixMilli(1_800_000_000_123)

func open(t *testing.T, zone *time.Location) *office {
	store := new(commit.Memory)
	groups := group.New(store, func(context.Context, ...[]byte) error { return nil }, group.Options{})
	users := user.New(store, groups, nil, 0, time.Now)
	return &office{t, store, users, conversations.Handler(&cloud.Cloud{
		Settings: settings.Settings{AppKey: "key", AppSecret: "secret", TimeZone: zone},
		Groups:   groups, Users: users,
		Conversations: conversation.New(store, nil, 0, func() time.Time { return now }),
	})}
}

// call does a signed request: a form, JSON when the body begins with a brace,
// or GET when there is none.
func (o *office) call(path, body string) (int, map[string]any) {
	o.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	status, raw := contracttest.Call(o.T, o.handler, method, path, body)
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		o.Fatalf("%s answered %q", path, raw)
	}
	return status, out
}

// says holds a whole reply, field by field and type by type.
func (o *office) says(path, body, want string) {
	o.Helper()
	status, got := o.call(path, body)
	var wanted map[string]any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		o.Fatal(err)
	}
	if status != http.StatusOK || !reflect.DeepEqual(got, wanted) {
		o.Errorf("%s %s answered %d %v, want %s", path, body, status, got, want)
	}
}

const fine = `{"code":200}`

// refuses holds an error of the contract whose text names something.
func (o *office) refuses(path, body string, code int, names string) {
	o.Helper()
	status, got := o.call(path, body)
	text, _ := got["errorMessage"].(string)
	if status != http.StatusBadRequest || got["code"] != float64(code) || !strings.Contains(text, names) {
		o.Errorf("%s %s answered %d %v, want code %d and a text with %q", path, body, status, got, code, names)
	}
}

func TestPins(t *testing.T) {
	o := open(t, nil)
	const set, get = "/conversation/top/set.json", "/conversation/attribute/get.json?userId=ann&targetId=g1&conversationType=3"
	const attributes = `{"code":200,"data":{"targetId":"g1","conversationType":3,"tags":[],"top":{"top":%t,"topTime":%d},"mute":{"mute":0}}}`
	o.says(get, "", fmt.Sprintf(attributes, false, 0))
	o.says(set, "userId=ann&conversationType=3&targetId=g1&setTop=true", fine)
	o.says(get, "", fmt.Sprintf(attributes, true, now.UnixMilli()))
	o.says(set, "setTop=false&targetId=g1&conversationType=3&userId=ann", fine)
	o.says(get, "", fmt.Sprintf(attributes, false, 0))
	for _, other := range []string{"1", "6", "10", "2", "0", "-3"} {
		o.refuses(set, "userId=ann&targetId=g1&setTop=true&conversationType="+other, 1002, "serves groups only")
		o.refuses(strings.Replace(get, "Type=3", "Type="+other, 1), "", 1002, "serves groups only")
	}
	o.refuses(set, "userId=ann&conversationType=3&targetId=g1", 1002, "setTop")
	o.refuses(set, "userId=ann&conversationType=3&targetId=g1&setTop=maybe", 1002, "setTop")
	o.refuses(set, "userId=ann&conversationType=three&targetId=g1&setTop=1", 1002, "conversationType")
	o.refuses(set, "userId=ann&conversationType=3&setTop=1&targetId=", 1002, "targetId")
	o.refuses(set, "conversationType=3&targetId=g1&setTop=1", 1002, "userId")
	o.refuses("/conversation/attribute/get.json?userId=ann&conversationType=3", "", 1002, "targetId")
}

// TestLevels sends what the published SDKs send, the older parameter included.
func TestLevels(t *testing.T) {
	o := open(t, nil)
	const set, get = "/conversation/notification/set.json", "/conversation/notification/get.json"
	const to = "conversationType=3&requestId=ann&targetId=g1"
	o.says(get, to, `{"code":200,"isMuted":0}`)
	for _, c := range []struct {
		given string
		level int
	}{
		{"&isMuted=1", 5},
		{"&isMuted=0", 0},
		{"&isMuted=1&unpushLevel=0", 5},
		{"&isMuted=0&unpushLevel=0", 0},
		{"&isMuted=1&unpushLevel=", 5},
		{"&isMuted=1&unpushLevel=2", 2},
		{"&isMuted=0&unpushLevel=5", 5},
		{"&isMuted=1&busChannel=c&unpushLevel=-1", -1},
		{"&unpushLevel=1", 1},
		{"&unpushLevel=4", 4},
		{"&isMuted=&unpushLevel=0", 0},
	} {
		o.says(set, to+c.given, fine)
		o.says(get, to, fmt.Sprintf(`{"code":200,"isMuted":%d}`, c.level))
		o.says("/conversation/attribute/get.json?userId=ann&targetId=g1&conversationType=3", "",
			fmt.Sprintf(`{"code":200,"data":{"targetId":"g1","conversationType":3,"tags":[],"top":{"top":false,"topTime":0},"mute":{"mute":%d}}}`, c.level))
	}
	o.says(set, to+"&unpushLevel=2", fine)
	for bad, names := range map[string]string{"": "unpushLevel", "&isMuted=": "unpushLevel", "&unpushLevel=3": "unpushLevel", "&unpushLevel=6": "unpushLevel",
		"&unpushLevel=-2": "unpushLevel", "&unpushLevel=all": "unpushLevel", "&isMuted=5": "isMuted", "&isMuted=1&unpushLevel=3": "unpushLevel"} {
		o.refuses(set, to+bad, 1002, names)
	}
	o.refuses(set, "conversationType=1&requestId=ann&targetId=g1&unpushLevel=5", 1002, "serves groups only")
	o.refuses(get, "conversationType=10&requestId=ann&targetId=g1", 1002, "serves groups only")
	o.refuses(get, "conversationType=3&targetId=g1", 1002, "requestId")
	o.says(get, to, `{"code":200,"isMuted":2}`)
	o.says(get, "conversationType=3&requestId=ann&targetId=other", `{"code":200,"isMuted":0}`)
}

func TestTypeLevels(t *testing.T) {
	o := open(t, nil)
	const set, get = "/conversation/type/notification/set.json", "/conversation/type/notification/get.json"
	const to = "conversationType=3&requestId=ann"
	o.says(get, to, `{"code":200,"isMuted":0}`)
	for _, level := range []int{-1, 1, 2, 4, 5, 0} {
		o.says(set, fmt.Sprint(to, "&unpushLevel=", level), fine)
		o.says(get, to, fmt.Sprintf(`{"code":200,"isMuted":%d}`, level))
	}
	o.refuses(set, to, 1002, "unpushLevel")
	o.refuses(set, to+"&isMuted=1", 1002, "unpushLevel")
	o.refuses(set, to+"&unpushLevel=3", 1002, "unpushLevel")
	o.refuses(set, "conversationType=6&requestId=ann&unpushLevel=5", 1002, "serves groups only")
	o.refuses(get, "conversationType=6&requestId=ann", 1002, "serves groups only")
}

func TestQuietHours(t *testing.T) {
	shanghai, err := notify.Zone("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	o := open(t, shanghai)
	const set, get, end = "/user/blockPushPeriod/set.json", "/user/blockPushPeriod/get.json", "/user/blockPushPeriod/delete.json"
	const none = `{"code":200,"data":{"startTime":"","period":0,"unPushLevel":0}}`
	o.says(get, "userId=ann", none)
	o.says(end, "userId=ann", fine)
	o.says(set, "userId=ann&startTime=22%3A00%3A00&period=120", fine)
	o.says(get, "userId=ann", `{"code":200,"data":{"startTime":"22:00:00","period":120,"unPushLevel":1}}`)
	o.says(set, "userId=ann&startTime=00:00:30&period=1439&level=5", fine)
	o.says(get, "userId=ann", `{"code":200,"data":{"startTime":"00:00:30","period":1439,"unPushLevel":5}}`)
	o.says(set, "userId=ann&startTime=23:59:59&period=1&level=0", fine)
	o.says(get, "userId=ann", `{"code":200,"data":{"startTime":"23:59:59","period":1,"unPushLevel":0}}`)
	for bad, names := range map[string]string{
		"startTime=24:00:00&period=10":         "startTime",
		"startTime=7:00:00&period=10":          "startTime",
		"startTime=22:00&period=10":            "startTime",
		"startTime=noon&period=0":              "startTime",
		"period=10":                            "startTime",
		"startTime=22:00:00":                   "period",
		"startTime=22:00:00&period=1440":       "period",
		"startTime=22:00:00&period=-1":         "period",
		"startTime=22:00:00&period=1.5":        "period",
		"startTime=22:00:00&period=10&level=2": "level",
		"startTime=22:00:00&period=10&level=x": "level",
	} {
		o.refuses(set, "userId=ann&"+bad, 1002, names)
	}
	o.says(get, "userId=ann", `{"code":200,"data":{"startTime":"23:59:59","period":1,"unPushLevel":0}}`)
	if q, err := o.users.Quiet(t.Context(), "ann"); err != nil || q.Zone != "Asia/Shanghai" {
		t.Errorf("stored are %+v, %v", q, err)
	}
	o.says(set, "userId=ann&startTime=22:00:00&period=0", fine)
	o.says(get, "userId=ann", none)
	o.says(set, "userId=ann&startTime=22:00:00&period=1", fine)
	o.says(end, "userId=ann", fine)
	o.says(get, "userId=ann", none)
	// What a device set in its own zone is shown in the data centre's.
	if err := o.users.SetQuiet(t.Context(), "ann", notify.Quiet{Start: "22:00:00", Minutes: 60, Zone: "Asia/Tokyo"}); err != nil {
		t.Fatal(err)
	}
	o.says(get, "userId=ann", `{"code":200,"data":{"startTime":"21:00:00","period":60,"unPushLevel":0}}`)
}

func TestTags(t *testing.T) {
	o := open(t, nil)
	const set, del, get = "/user/conversation/tag/set.json", "/user/conversation/tag/del.json", "/user/conversation/tag/get.json?userId=ann"
	at := now.UnixMilli()
	o.says(get, "", `{"code":200,"data":{"userId":"ann","tags":[]}}`)
	o.says(set, `{"userId":"ann","tags":[{"tagId":"t1","tagName":"Work"},{"tagId":"十个字符的标签编号吗","tagName":"F\u003d\u0027 群"}]}`, fine)
	o.says(set, `{"tags":[{"tagName":"Office","tagId":"t1","createTime":null}],"userId":"ann"}`, fine)
	o.says(get, "", fmt.Sprintf(`{"code":200,"data":{"userId":"ann","tags":[{"tagId":"t1","tagName":"Office","createTime":%d},{"tagId":"十个字符的标签编号吗","tagName":"F=' 群","createTime":%d}]}}`, at, at))
	for bad, names := range map[string]string{
		`{"userId":"ann"}`:                                           "tags",
		`{"userId":"ann","tags":null}`:                               "tags",
		`{"userId":"ann","tags":[]}`:                                 "tags",
		`{"userId":"ann","tags":{}}`:                                 "tags",
		`{"userId":"ann","tags":"[]"}`:                               "tags",
		`{"userId":"ann","tags":7}`:                                  "tags",
		`{"userId":"ann","tags":[null]}`:                             "tags[0].tagId",
		`{"userId":"ann","tags":["t"]}`:                              "tags",
		`{"userId":"ann","tags":[[]]}`:                               "tags",
		`{"userId":"ann","tags":[{"tagId":{},"tagName":"T"}]}`:       "tags",
		`{"userId":"ann","tags":[{"tagId":"t","tagName":["T"]}]}`:    "tags",
		`{"userId":"ann","tags":[{"tagId":"t"}]}`:                    "tags[0].tagName",
		`{"userId":"ann","tags":[{"tagId":"","tagName":"T"}]}`:       "tags[0].tagId",
		`{"userId":"ann","tags":[{"tagId":"t","tagName":"T"},{}]}`:   "tags[1].tagId",
		`{"tags":[{"tagId":"t","tagName":"T"}]}`:                     "userId",
		`{"userId":{},"tags":[{"tagId":"t","tagName":"T"}]}`:         "userId",
		`{"userId":"an n","tags":[{"tagId":"t","tagName":"T"}]}`:     "userId",
		`{"userId":"ann","tags":[{"tagId":"t","tagName":"T"}`:        "JSON",
		"{\"userId\":\"ann\",\"tags\":[{\"tagId\":\"\xff\"}]}":       "UTF-8",
		`{"userId":"ann","tags":` + many(21, "t%d") + `}`:            "at most 20",
		`{"userId":"ann","tags":` + many(19, "more%d") + `}`:         "at most 20",
		`{"userId":"ann","tags":` + strings.Repeat("[", 20000) + `}`: "JSON",
	} {
		o.refuses(set, bad, 1002, names)
	}
	o.refuses(set, `{"userId":"ann","tags":[{"tagId":"12345678901","tagName":"T"}]}`, 1005, "tags[0].tagId")
	o.refuses(set, `{"userId":"ann","tags":[{"tagId":"t","tagName":"1234567890123456"}]}`, 1005, "tags[0].tagName")
	o.says(set, `{"userId":"ann","tags":`+many(18, "more%d")+`}`, fine)
	for bad, names := range map[string]string{`{"userId":"ann"}`: "tagIds", `{"userId":"ann","tagIds":[]}`: "tagIds", `{"userId":"ann","tagIds":{}}`: "tagIds",
		`{"userId":"ann","tagIds":[{}]}`: "tagIds", `{"userId":"ann","tagIds":[null]}`: "tagIds", `{"tagIds":["t1"]}`: "userId"} {
		o.refuses(del, bad, 1002, names)
	}
	o.refuses(del, `{"userId":"ann","tagIds":["12345678901"]}`, 1005, "tagIds")
	var ids []string
	for i := range 18 {
		ids = append(ids, fmt.Sprintf("more%d", i))
	}
	gone, _ := json.Marshal(append(ids, "t1", "unknown"))
	o.says(del, `{"userId":"ann","tagIds":`+string(gone)+`}`, fine)
	o.says(get, "", fmt.Sprintf(`{"code":200,"data":{"userId":"ann","tags":[{"tagId":"十个字符的标签编号吗","tagName":"F=' 群","createTime":%d}]}}`, at))
	o.refuses("/user/conversation/tag/get.json", "", 1002, "userId")
}

// many is a list of tags.
func many(n int, format string) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"tagId":%q,"tagName":"T"}`, fmt.Sprintf(format, i)))
	}
	return "[" + strings.Join(list, ",") + "]"
}

func TestTaggedConversations(t *testing.T) {
	o := open(t, nil)
	const set, del = "/tag/conversation/set.json", "/tag/conversation/del.json"
	get := "/tag/conversation/get.json?userId=ann&tagId=" + url.QueryEscape("工 作")
	list := func(groups ...string) string {
		var out []string
		for _, g := range groups {
			out = append(out, fmt.Sprintf(`{"targetId":%q,"conversationType":3}`, g))
		}
		return "[" + strings.Join(out, ",") + "]"
	}
	body := func(conversations string) string {
		return `{"userId":"ann","tagId":"工 作","conversations":` + conversations + `}`
	}
	reply := func(groups ...string) string {
		return `{"code":200,"data":{"userId":"ann","tagId":"工 作","conversations":` + list(groups...) + `}}`
	}
	o.says(get, "", reply())
	o.says(del, body(list("g1")), fine) // an unknown tag is on nothing
	o.refuses(set, body(list("g1")), 1002, "工 作")
	o.says("/user/conversation/tag/set.json", `{"userId":"ann","tags":[{"tagId":"工 作","tagName":"Work"},{"tagId":"b","tagName":"B"}]}`, fine)
	o.says(set, body(`[{"conversationType":"3","targetId":"g2"},{"targetId":"g1","conversationType":3},{"targetId":"g2","conversationType":3}]`), fine)
	o.says(get, "", reply("g1", "g2"))
	o.says("/conversation/attribute/get.json?userId=ann&targetId=g2&conversationType=3", "", fmt.Sprintf(
		`{"code":200,"data":{"targetId":"g2","conversationType":3,"tags":[{"tagId":"工 作","tagName":"Work","createTime":%d}],"top":{"top":false,"topTime":0},"mute":{"mute":0}}}`, now.UnixMilli()))
	for _, path := range []string{set, del} {
		for bad, names := range map[string]string{
			`[]`: "conversations", `{}`: "conversations", `null`: "conversations", `"g1"`: "conversations", `[null]`: "targetId", `["g1"]`: "conversations",
			`[{"targetId":"g3"}]`:                                                             "conversationType",
			`[{"conversationType":3}]`:                                                        "targetId",
			`[{"targetId":"g3","conversationType":null}]`:                                     "conversationType",
			`[{"targetId":"g3","conversationType":"three"}]`:                                  "conversations",
			`[{"targetId":"g3","conversationType":3.5}]`:                                      "conversationType",
			`[{"targetId":"g3","conversationType":{}}]`:                                       "conversations",
			`[{"targetId":["g3"],"conversationType":3}]`:                                      "conversations",
			`[{"targetId":"g/3","conversationType":3}]`:                                       "conversations[0].targetId",
			`[{"targetId":"g3","conversationType":3},{"targetId":"g3","conversationType":1}]`: "serves groups only",
			list(strings.Split(strings.Repeat("g3,", 1000)+"g3", ",")...):                     "at most 1000",
		} {
			o.refuses(path, body(bad), 1002, names)
		}
		o.refuses(path, `{"userId":"ann","conversations":`+list("g3")+`}`, 1002, "tagId")
		o.refuses(path, `{"tagId":"b","conversations":`+list("g3")+`}`, 1002, "userId")
		o.refuses(path, `{"userId":"ann","tagId":"12345678901","conversations":`+list("g3")+`}`, 1005, "tagId")
		o.refuses(path, body(`[{"targetId":"`+strings.Repeat("g", 65)+`","conversationType":3}]`), 1005, "conversations[0].targetId")
	}
	o.says(get, "", reply("g1", "g2"))
	o.says(del, body(list("g1", "strange")), fine)
	o.says(get, "", reply("g2"))
	o.says("/user/conversation/tag/del.json", `{"userId":"ann","tagIds":["工 作"]}`, fine)
	o.says(get, "", reply())
	o.refuses("/tag/conversation/get.json?userId=ann", "", 1002, "tagId")
	o.refuses("/tag/conversation/get.json?tagId=b", "", 1002, "userId")
}

func TestMethodsAreTheContracts(t *testing.T) {
	o := open(t, nil)
	for path, body := range map[string]string{"/user/conversation/tag/get.json": "userId=ann", "/tag/conversation/get.json": "userId=ann", "/conversation/attribute/get.json": "userId=ann",
		"/conversation/top/set.json": "", "/user/blockPushPeriod/get.json": "", "/tag/conversation/set.json": ""} {
		if status, out := o.call(path, body); status != http.StatusMethodNotAllowed || out["code"] != float64(405) {
			t.Errorf("%s answered %d %v", path, status, out)
		}
	}
}
