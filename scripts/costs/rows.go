package main

import (
	"fmt"
	"slices"
	"time"
)

// rows lists the calls in the order of the table.
func (s *stage) rows() []row {
	return slices.Concat(s.groupRows(), s.muteRows(), s.messageRows(), s.historyRows(), s.conversationRows(), s.userRows())
}

func (s *stage) groupRows() []row {
	fresh, name := "fresh"+s.run, []string{"groupName", "Group"}
	return []row{
		{path: "/group/create.json", stirs: true, what: "3 members", form: form(append(append(people(3, 0), "groupId", fresh), name...)...)},
		{path: "/group/create.json", stirs: true, what: "1,000 members", form: form(append(append(people(perCall, 0), "groupId", "k"+fresh), name...)...)},
		{path: "/group/join.json", stirs: true, what: "one member", form: form("userId", "late", "groupId", fresh)},
		{path: "/group/join.json", stirs: true, what: "who is a member", form: form("userId", "late", "groupId", fresh)},
		{path: "/group/join.json", stirs: true, what: "one member, with a bound message", form: form("userId", "later", "groupId", fresh, "bindNotifyMsg", "true", "fromUserId", "later", "objectName", "RC:TxtMsg", "content", hello)},
		{path: "/group/quit.json", stirs: true, what: "one member", form: form("userId", "late", "groupId", fresh)},
		{path: "/group/refresh.json", what: "", form: form("groupId", fresh, "groupName", "Another name")},
		{path: "/group/user/query.json", what: "3 members", form: form("groupId", s.small)},
		{path: "/group/user/query.json", what: "3,000 members", form: form("groupId", s.big)},
		{path: "/user/group/query.json", what: "a page of 2", form: form("userId", "person0001", "page", "1", "size", "2")},
		{path: "/group/sync.json", stirs: true, what: "nothing to change, joined a moment ago", before: func() error {
			_, err := s.call(row{path: "/group/join.json", form: form("userId", "synced"+s.run, "groupId", s.small)})
			return err
		}, form: form("userId", "synced"+s.run, "group["+s.small+"]", "Group")},
		{path: "/group/remarks/set.json", what: "", form: form("userId", "person0001", "groupId", s.small, "remark", "Nick")},
		{path: "/group/remarks/get.json", what: "", form: form("userId", "person0001", "groupId", s.small)},
		{path: "/group/remarks/del.json", what: "", form: form("userId", "person0001", "groupId", s.small)},
		{path: "/group/dismiss.json", stirs: true, what: "", form: form("userId", "person0000", "groupId", fresh)},
	}
}

func (s *stage) muteRows() []row {
	one := form("userId", "person0001", "groupId", s.small)
	gag, everywhere := form("userId", "person0001", "groupId", s.small, "minute", "10"), form("userId", "person0001", "minute", "10")
	return []row{
		s.after("/group/user/gag/rollback.json", row{path: "/group/user/gag/add.json", what: "in one group", form: gag}),
		{path: "/group/user/gag/list.json", what: "of one group", form: form("groupId", s.small)},
		{path: "/group/user/gag/rollback.json", what: "in one group", form: one},
		{path: "/group/user/gag/add.json", what: "in all groups", form: everywhere},
		{path: "/group/user/gag/list.json", what: "of all groups", form: form("groupId", "")},
		{path: "/group/user/gag/rollback.json", what: "in all groups", form: form("userId", "person0001")},
		s.after("/group/ban/rollback.json", row{path: "/group/ban/add.json", what: "one group", form: form("groupId", s.small)}),
		{path: "/group/ban/query.json", what: "two groups", form: form("groupId", s.small, "groupId", s.big)},
		{path: "/group/ban/query.json", what: "a page of one", form: form("page", "1", "size", "1")},
		{path: "/group/ban/rollback.json", what: "one group", form: form("groupId", s.small)},
		{path: "/group/user/ban/whitelist/add.json", what: "one member", form: one},
		{path: "/group/user/ban/whitelist/query.json", what: "3 members", form: form("groupId", s.small)},
		{path: "/group/user/ban/whitelist/query.json", what: "3,000 members", form: form("groupId", s.big)},
		{path: "/group/user/ban/whitelist/rollback.json", what: "one member", form: one},
	}
}

// after makes another call with the same parameters first, so that the group is
// in the function's memory.
func (s *stage) after(path string, r row) row {
	r.before = func() error { _, err := s.call(row{path: path, form: r.form}); return err }
	return r
}

func (s *stage) messageRows() []row {
	to := func(pairs ...string) row {
		return row{path: "/message/group/publish.json", form: form(append([]string{"fromUserId", "person0000", "objectName", "RC:TxtMsg", "content", hello}, pairs...)...)}
	}
	named := func(what string, r row) row { r.what = what; return s.warmed(r) }
	recall := func(what, group, uid string) row {
		return row{path: "/message/recall.json", what: what, form: form("fromUserId", "person0000", "conversationType", "3", "targetId", group, "messageUID", uid, "sentTime", "1")}
	}
	edit := func(what, group, uid string) row {
		return row{path: "/message/group/modify.json", what: what, form: form("fromUserId", "person0000", "groupId", group, "msgUID", uid, "content", `{"content":"edited"}`)}
	}
	extend := func(what, group, uid string) row {
		return row{path: "/message/expansion/set.json", what: what, form: form("msgUID", uid, "userId", "person0000", "conversationType", "3", "targetId", group, "extraKeyVal", `{"k":"v"}`)}
	}
	status := row{path: "/statusmessage/group/publish.json", form: form("fromUserId", "person0000", "toGroupId", s.small, "objectName", "RC:TypSts", "content", `{"typingContentType":"RC:TxtMsg"}`)}
	return []row{
		named("one group of 3", to("toGroupId", s.small)),
		named("one group of 3,000", to("toGroupId", s.big)),
		named("three groups", to("toGroupId", s.small, "toGroupId", s.big, "toGroupId", s.old)),
		named("to one member", to("toGroupId", s.small, "toUserId", "person0001")),
		named("to nobody: an unknown group", to("toGroupId", "unknown"+s.run)),
		named("online members only", status),
		edit("in the head", s.small, s.fresh[0]), edit("sealed", s.old, s.sealed[0]),
		extend("in the head", s.small, s.fresh[1]), extend("sealed", s.old, s.sealed[1]),
		{path: "/message/expansion/query.json", what: "in the head", form: form("msgUID", s.fresh[1])},
		{path: "/message/expansion/query.json", what: "sealed", form: form("msgUID", s.sealed[1])},
		{path: "/message/expansion/delete.json", what: "in the head", form: form("msgUID", s.fresh[1], "userId", "person0000", "conversationType", "3", "targetId", s.small, "extraKey", `["k"]`)},
		recall("in the head", s.small, s.fresh[2]), recall("sealed", s.old, s.sealed[3]),
	}
}

func (s *stage) historyRows() []row {
	page := func(what, group string, size int) row {
		return row{path: "/v3/message/group/query.json", what: what, json: fmt.Sprintf(`{"userId":"person0001","targetId":%q,"startTime":%d,"endTime":"0","pageSize":"%d","includeStart":"true"}`, group, time.Now().Add(time.Minute).UnixMilli(), size)}
	}
	return []row{
		page("the newest 10", s.old, 10),
		page("the newest 100", s.old, 100),
		{path: "/conversation/message/history/clean.json", what: "", form: form("conversationType", "3", "fromUserId", "person0001", "targetId", s.small)},
		{path: "/message/history.json", what: "", form: form("date", "2026010100")},
		{path: "/message/history/delete.json", what: "", form: form("date", "2026010100")},
	}
}

func (s *stage) conversationRows() []row {
	u := "chatty" + s.run
	tag := fmt.Sprintf(`{"userId":%q,"tags":[{"tagId":"t1","tagName":"Work"}]}`, u)
	tagged := fmt.Sprintf(`{"userId":%q,"tagId":"t1","conversations":[{"targetId":%q,"conversationType":3}]}`, u, s.small)
	about := form("userId", u, "targetId", s.small, "conversationType", "3")
	return []row{
		{path: "/conversation/top/set.json", what: "", form: form("userId", u, "conversationType", "3", "targetId", s.small, "setTop", "true")},
		{path: "/conversation/notification/set.json", what: "who is in no group", form: form("conversationType", "3", "requestId", u, "targetId", s.small, "isMuted", "1")},
		{path: "/conversation/notification/set.json", what: "a member", form: form("conversationType", "3", "requestId", "person0002", "targetId", s.small, "isMuted", "1")},
		{path: "/conversation/notification/get.json", what: "", form: form("conversationType", "3", "requestId", u, "targetId", s.small)},
		{path: "/conversation/type/notification/set.json", what: "who is in no group", form: form("conversationType", "3", "requestId", u, "unpushLevel", "1")},
		{path: "/conversation/type/notification/get.json", what: "", form: form("conversationType", "3", "requestId", u)},
		{path: "/user/blockPushPeriod/set.json", what: "who is in no group", form: form("userId", u, "startTime", "22:00:00", "period", "480", "level", "1")},
		{path: "/user/blockPushPeriod/get.json", what: "", form: form("userId", u)},
		{path: "/user/blockPushPeriod/delete.json", what: "who is in no group", form: form("userId", u)},
		{path: "/user/conversation/tag/set.json", what: "", json: tag},
		{path: "/user/conversation/tag/get.json", what: "", query: form("userId", u)},
		{path: "/tag/conversation/set.json", what: "", json: tagged},
		{path: "/tag/conversation/get.json", what: "", query: form("userId", u, "tagId", "t1")},
		{path: "/conversation/attribute/get.json", what: "", query: about},
		{path: "/tag/conversation/del.json", what: "", json: tagged},
		{path: "/user/conversation/tag/del.json", what: "", json: fmt.Sprintf(`{"userId":%q,"tagIds":["t1"]}`, u)},
	}
}

func (s *stage) userRows() []row {
	u := form("userId", "new"+s.run, "name", "Somebody")
	return []row{
		{path: "/user/getToken.json", what: "a new user", form: u},
		{path: "/user/getToken.json", what: "again", form: u},
		{path: "/user/refresh.json", what: "", form: form("userId", "new"+s.run, "name", "Somebody else")},
		{path: "/user/info.json", what: "", form: u},
		{path: "/user/token/expire.json", what: "", form: form("userId", "new"+s.run, "time", "1000")},
		{path: "/user/checkOnline.json", what: "", form: u},
	}
}
