package contract

import (
	"testing"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/wire"
)

func TestCheckReply(t *testing.T) {
	row := wire.Route{Path: "/test.json", Errors: []fault.Kind{fault.GroupFull}, Reply: []wire.Field{
		{Name: "text", Type: "string"}, {Name: "count", Type: "integer"}, {Name: "flag", Type: "boolean", Optional: true},
		{Name: "names", Type: "strings"},
		{Name: "list", Type: "array", Fields: []wire.Field{{Name: "id", Type: "string"}}},
		{Name: "one", Type: "object", Optional: true, Fields: []wire.Field{{Name: "n", Type: "integer"}}},
		{Name: "keys", Type: "map", Optional: true, Fields: []wire.Field{{Name: "v", Type: "string"}}},
	}}
	for reply, ok := range map[string]bool{
		`{"code":200,"text":"","count":0,"names":[],"list":[]}`:                                                             true,
		`{"code":200,"text":"x","count":-1743584071876,"flag":true,"names":["a"],"list":[{"id":"a"}],"one":{"n":1}}` + "\n": true,
		`{"code":200,"text":"","count":0,"names":[],"list":[],"keys":{"k":{"v":"1"}}}`:                                      true,
		`{"code":1002,"errorMessage":"no","url":"/test.json"}`:                                                              true,
		`{"code":25411,"errorMessage":"no","url":"/test.json"}`:                                                             true,
		`{"code":1009,"errorMessage":"not in the row","url":"/test.json"}`:                                                  false,
		`{"code":1002,"errorMessage":"","url":"/test.json"}`:                                                                false,
		`{"code":1002,"errorMessage":"no"}`:                                                                                 false,
		`{"code":1002,"errorMessage":"no","url":"/test.json","more":1}`:                                                     false,
		`{"code":"200","text":"","count":0,"names":[],"list":[]}`:                                                           false,
		`{"text":"","count":0,"names":[],"list":[]}`:                                                                        false,
		`{"code":200,"count":0,"names":[],"list":[]}`:                                                                       false,
		`{"code":200,"text":1,"count":0,"names":[],"list":[]}`:                                                              false,
		`{"code":200,"text":"","count":"0","names":[],"list":[]}`:                                                           false,
		`{"code":200,"text":"","count":1.5,"names":[],"list":[]}`:                                                           false,
		`{"code":200,"text":"","count":1e3,"names":[],"list":[]}`:                                                           false,
		`{"code":200,"text":"","count":0,"flag":1,"names":[],"list":[]}`:                                                    false,
		`{"code":200,"text":"","count":0,"names":null,"list":[]}`:                                                           false,
		`{"code":200,"text":"","count":0,"names":[1],"list":[]}`:                                                            false,
		`{"code":200,"text":"","count":0,"names":[],"list":null}`:                                                           false,
		`{"code":200,"text":"","count":0,"names":[],"list":["a"]}`:                                                          false,
		`{"code":200,"text":"","count":0,"names":[],"list":[{"id":"a","more":"b"}]}`:                                        false,
		`{"code":200,"text":"","count":0,"names":[],"list":[{}]}`:                                                           false,
		`{"code":200,"text":"","count":0,"names":[],"list":[],"one":[]}`:                                                    false,
		`{"code":200,"text":"","count":0,"names":[],"list":[],"one":{"n":"1"}}`:                                             false,
		`{"code":200,"text":"","count":0,"names":[],"list":[],"keys":{"k":"1"}}`:                                            false,
		`{"code":200,"text":"","count":0,"names":[],"list":[],"more":1}`:                                                    false,
		`{"code":200,"text":"","count":0,"names":[],"list":[]}{}`:                                                           false,
		`[]`: false,
		``:   false,
	} {
		if err := checkReply(row, []byte(reply)); ok != (err == nil) {
			t.Errorf("%s: %v", reply, err)
		}
	}
	if err := CheckReply("//user/refresh.json", []byte(`{"code":200}`)); err != nil {
		t.Error(err)
	}
	for path, reply := range map[string]string{"/nothing.json": `{"code":200}`, "/user/info.json": `{"code":200}`, "/user/refresh.json": `{"code":200,"more":1}`} {
		if CheckReply(path, []byte(reply)) == nil {
			t.Errorf("%s may answer %s", path, reply)
		}
	}
}
