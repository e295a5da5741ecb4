package wire_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/throng-im/throng/shared/wire"
)

// outsidePaths are calls of the published SDKs that Throng does not have.
var outsidePaths = strings.Fields(`/user/block.json /user/unblock.json /user/block/query.json /user/blacklist/add.json /user/blacklist/remove.json
	/user/blacklist/query.json /user/whitelist/add.json /user/whitelist/remove.json /user/whitelist/query.json /user/chat/fb/set.json /user/chat/fb/querylist.json
	/user/tag/set.json /user/tag/batch/set.json /user/tags/get.json /user/remarks/set.json /user/remarks/get.json /user/remarks/del.json
	/user/deactivate.json /user/deactivate/query.json /user/reactivate.json /user/profile/set.json /user/profile/batch/query.json
	/entrust/group/create.json /entrust/group/member/kick/all.json /entrust/joined/group/query.json
	/message/private/publish.json /message/private/publish_template.json /statusmessage/private/publish.json /message/chatroom/publish.json
	/message/chatroom/broadcast.json /message/system/publish.json /message/system/publish_template.json /message/broadcast.json /message/broadcast/recall.json
	/message/online/broadcast.json /message/ultragroup/publish.json /chatroom/create.json /chatroom/user/gag/add.json /ultragroup/create.json /sensitiveword/add.json
	/push.json /push/user.json /push/custom.json /v3/message/private/query.json`)

// groupPaths are calls of the same SDKs that are about groups.
var groupPaths = strings.Fields(`/user/getToken.json /user/refresh.json /user/info.json /user/token/expire.json /user/checkOnline.json /user/group/query.json
	/group/create.json /group/remarks/set.json /group/user/gag/add.json /group/ban/add.json /group/user/ban/whitelist/add.json
	/message/group/publish.json /message/group/modify.json /statusmessage/group/publish.json /message/recall.json /message/expansion/set.json
	/message/history.json /message/history/delete.json /conversation/message/history/clean.json /v3/message/group/query.json
	/conversation/top/set.json /conversation/notification/set.json /conversation/type/notification/set.json /conversation/attribute/get.json
	/user/blockPushPeriod/set.json /user/conversation/tag/set.json /tag/conversation/set.json`)

func TestWhatIsOutsideIsSaidSo(t *testing.T) {
	h := api(app, new(seen), nil)
	for _, path := range outsidePaths {
		for _, sent := range []string{path, "/" + path} {
			r := post("a=b")
			r.URL = &url.URL{Path: sent}
			r.Header.Del("Signature") // no more needed than for any other unknown path
			if status, out, _ := serve(t, h, r); status != 404 || out.Code != 404 || !strings.Contains(out.Message, "Throng serves groups") {
				t.Errorf("%s: %d %+v", sent, status, out)
			}
		}
	}
	for _, path := range append(groupPaths, "/user/blockPushPeriod/nothing.json", "/message/group/nothing.json", "/pushy", "/user/chatter") {
		if what := wire.Outside(path); what != "" {
			t.Errorf("%s is taken for %s", path, what)
		}
	}
}
