package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// media are the built-in types with what their notifications say by default.
var media = []struct{ kind, content, shown string }{
	{"RC:TxtMsg", `{"content":"words"}`, "words"},
	{"RC:ImgMsg", `{"content":"aGVsbG8=","imageUri":"https://example.com/i.jpg"}`, "[Image]"},
	{"RC:GIFMsg", `{"gifDataSize":34563,"remoteUrl":"https://example.com/g.gif","width":180,"height":240}`, "[GIF]"},
	{"RC:HQVCMsg", `{"remoteUrl":"https://example.com/v.aac","duration":7}`, "[Voice]"},
	{"RC:SightMsg", `{"sightUrl":"https://example.com/s.mp4","content":"aGVsbG8=","duration":4,"size":734320,"name":"s.mp4"}`, "[Video]"},
	{"RC:FileMsg", `{"name":"f.txt","size":"190","type":"txt","fileUrl":"https://example.com/f.txt"}`, "[File]"},
	{"RC:LBSMsg", `{"content":"aGVsbG8=","latitude":39.9,"longitude":116.3,"poi":"Beijing"}`, "[Location]"},
	{"RC:ImgTextMsg", `{"title":"T","content":"c","imageUri":"https://example.com/i.jpg","url":"https://example.com"}`, "[Link]"},
	{"RC:ReferenceMsg", `{"content":"about that","referMsgUserId":"x","objName":"RC:TxtMsg"}`, "about that"},
	{"RC:CombineMsg", `{"remoteUrl":"https://example.com/c.html","conversationType":3,"nameList":["a"]}`, "[Chat history]"},
}

// messageScenes are of sending and receiving.
var messageScenes = []act{
	{"everybody sees the same in the same order", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		var said [3][]string
		together(3, 3, func(i int) {
			for n := range 8 {
				text := fmt.Sprintf("%d of %d", n, i)
				said[i] = append(said[i], text)
				s.people[i].sends("team", text)
			}
		})
		order := func(p *person) string {
			return p.look(func(v *view) string { return quoted(texted(v.visible(s.name("team")))) })
		}
		s.becomes("how much there is", "24", func() string {
			return number(strings.Count(order(ann), `" "`) + 1)
		})
		for _, p := range s.people {
			s.is(p.name+"'s order", order(p), order(ann))
			// What one sender said stays in the order in which it was said.
			for i, mine := range said {
				var got []string
				for _, e := range p.visible(s.name("team")) {
					if e.From == s.people[i].id {
						got = append(got, e.text())
					}
				}
				s.is("one sender's order", quoted(got), quoted(mine))
			}
		}
	}},
	{"texts, images, GIFs, voices, videos and files come as they were sent", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		bob.asksForPushes()
		var shown, notified, found []string
		for i, m := range media {
			if i%2 == 0 {
				ann.sendsA("team", m.kind, m.content)
			} else {
				s.appSends(ann, "team", m.kind, m.content)
			}
			e := entry{Type: m.kind, Content: m.content}
			shown, found = append(shown, e.text()), append([]string{e.text()}, found...)
			notified = append(notified, "Ann: "+m.shown)
		}
		cem.sees("team", shown...)
		bob.isNotified(notified...)
		cem.finds("team", "", found...)
		bob.hasUnread("team", len(media), 0)
	}},
	{"somebody is mentioned, and told so", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		bob.asksForPushes()
		cem.asksForPushes()
		ann.sends("team", "lunch?", mentioning("Ann asks you", bob))
		s.appSends(ann, "team", "RC:TxtMsg", `{"content":"and you?","mentionedInfo":{"type":2,"userIdList":["`+cem.id+`"],"mentionedContent":"the app asks you"}}`, "isMentioned", "1")
		s.appSends(ann, "team", "RC:TxtMsg", `{"content":"not meant","mentionedInfo":{"type":2,"userIdList":["`+cem.id+`"],"mentionedContent":"x"}}`, "isMentioned", "0")
		bob.isNotified("Ann: Ann asks you", "Ann: and you?", "Ann: not meant")
		cem.isNotified("Ann: lunch?", "Ann: the app asks you", "Ann: not meant")
		bob.hasUnread("team", 3, 1)
		cem.hasUnread("team", 3, 1)
		u := bob.unread("team", "?mentions=true")
		s.is("who is mentioned in it", fmt.Sprint(u.Messages[0].Mention.UserIDs), "["+bob.id+"]")
	}},
	{"everybody is mentioned", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		bob.asksForPushes()
		ann.sends("team", "fire!", mentioning("Leave the house"))
		bob.isNotified("Ann: Leave the house")
		bob.hasUnread("team", 1, 1)
		cem.hasUnread("team", 1, 1)
		ann.hasUnread("team", 0, 0)
	}},
	{"a targeted message is for those it names", func(s *scene) {
		ann, bob, cem := s.three()
		dan := s.as("dan")
		s.group("team", ann, bob, cem, dan)
		for _, p := range s.people {
			p.asksForPushes()
		}
		ann.sends("team", "for all")
		ann.sends("team", "for Bob", to(bob))
		secret := ann.sendsA("team", "RC:ImgMsg", "{}", to(bob, cem))
		s.appSends(dan, "team", "RC:TxtMsg", says("for Cem, by the app"), "toUserId", cem.id)
		ann.sends("team", "for all again")
		bob.sees("team", "for all", "for Bob", "RC:ImgMsg {}", "for all again")
		cem.sees("team", "for all", "RC:ImgMsg {}", "for Cem, by the app", "for all again")
		ann.sees("team", "for all", "for Bob", "RC:ImgMsg {}", "for all again")
		dan.sees("team", "for all", "for all again")
		dan.finds("team", "", "for all again", "for all")
		dan.isRefused("not_found", "GET", dan.of(secret, ""), nil)
		dan.hasUnread("team", 2, 0)
		bob.hasUnread("team", 4, 0)
		bob.isNotified("Ann: for all", "Ann: for Bob", "Ann: [Image]", "Ann: for all again")
		cem.isNotified("Ann: for all", "Ann: [Image]", "Dan: for Cem, by the app", "Ann: for all again")
		dan.isNotified("Ann: for all", "Ann: for all again")
	}},
	{"the app sends to three groups in one call", func(s *scene) {
		ann, bob, cem := s.three()
		groups := []string{"one", "two", "three"}
		for _, g := range groups {
			s.group(g, ann, bob, cem)
		}
		a := s.app("/message/group/publish.json", "fromUserId", ann.id, "toGroupId", s.name("one"), "toGroupId", s.name("two"), "toGroupId", s.name("three"),
			"objectName", "RC:TxtMsg", "content", says("to all of you"))
		s.is("how many ids", number(len(a.UIDs)), "3")
		for i, g := range groups {
			s.is("whose id", a.UIDs[i].Group, s.name(g))
			bob.sees(g, "to all of you")
		}
	}},
	{"what the app sends comes to its sender when the app says so", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		s.appSends(ann, "team", "RC:TxtMsg", says("for the others"))
		s.appSends(ann, "team", "RC:TxtMsg", says("for me, too"), "isIncludeSender", "1")
		ann.sees("team", "for me, too")
		ann.finds("team", "", "for me, too")
		bob.sees("team", "for the others", "for me, too")
	}},
	{"a phone that sends again says it once", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		letter := ann.letter("RC:TxtMsg", says("did you get this?"))
		first := ann.made("team", "POST", ann.in("team", "/messages"), letter)
		again := ann.made("team", "POST", ann.in("team", "/messages"), letter)
		s.is("the second answer", fmt.Sprint(again), fmt.Sprint(first))
		bob.sends("team", "yes")
		bob.sees("team", "did you get this?", "yes")
	}},
	{"messages of the app's own types travel unchanged", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		bob.asksForPushes()
		ann.sendsA("team", "app:poll", `{"question":"tea?"}`)
		ann.sendsA("team", "app:sticker", "not even JSON", with("push", body{"content": "a sticker"}))
		s.appSends(ann, "team", "app:card", "plain, by the app", "pushContent", "a card")
		bob.sees("team", `app:poll {"question":"tea?"}`, "app:sticker not even JSON", "app:card plain, by the app")
		bob.isNotified("Ann: a sticker", "Ann: a card") // the app's own types are silent unless told
		bob.finds("team", "?types=app:card,app:poll", "app:card plain, by the app", `app:poll {"question":"tea?"}`)
		ann.isRefused("invalid_argument", "POST", ann.in("team", "/messages"), ann.letter("RC:Mine", "{}"))
	}},
	{"some messages do not count and some are not kept", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		ann.sends("team", "counts")
		ann.sends("team", "does not count", with("counted", false))
		ann.sends("team", "is not kept", with("persisted", false))
		s.appSends(ann, "team", "RC:TxtMsg", says("neither"), "isCounted", "0", "isPersisted", "0")
		bob.sees("team", "counts", "does not count", "is not kept", "neither")
		bob.hasUnread("team", 2, 0)
		bob.finds("team", "", "does not count", "counts")
	}},
	{"a large message arrives whole, a larger one is refused", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		large := strings.Repeat("é", 64<<10)
		ann.sendsA("team", "app:large", large)
		bob.sees("team", "app:large "+large)
		ann.isRefused("too_large", "POST", ann.in("team", "/messages"), ann.letter("app:large", large+"."))
	}},
}

// changeScenes are of what becomes of a message afterwards.
var changeScenes = []act{
	{"a message is recalled everywhere", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		cem.asksForPushes()
		m := ann.sends("team", "oh no", mentioning("", bob))
		ann.sends("team", "never mind")
		bob.sees("team", "oh no", "never mind")
		bob.hasUnread("team", 2, 1)
		cem.isNotified("Ann: oh no", "Ann: never mind")
		bob.isRefused("permission_denied", "POST", bob.of(m, "/recall"), body{})
		ann.recalls(m)
		bob.sees("team", "(recalled)", "never mind")
		bob.hasUnread("team", 1, 0)
		cem.sees("team", "(recalled)", "never mind") // who was away sees no more of it
		cem.finds("team", "", "never mind", "(recalled)")
		cem.isNotified("Ann recalled a message", "Ann: never mind")
	}},
	{"the app recalls a message and leaves no trace", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		m, n := ann.sends("team", "spam"), ann.sends("team", "worse")
		bob.sees("team", "spam", "worse")
		recall := func(l line, isDelete string) {
			s.app("/message/recall.json", "fromUserId", ann.id, "conversationType", "3", "targetId", s.name("team"), "messageUID", l.uid, "sentTime", fmt.Sprint(l.at), "isAdmin", "1", "isDelete", isDelete)
		}
		recall(m, "0")
		recall(n, "1")
		bob.sees("team", "(recalled)")
		bob.finds("team", "", "(recalled)")
		s.is("by whom", bob.look(func(v *view) string { return fmt.Sprint(v.rooms[s.name("team")].messages[0].Content == "") }), "true")
	}},
	{"an administrator recalls what somebody else said", func(s *scene) {
		ann, bob, boss := s.as("ann"), s.as("bob"), s.as("boss")
		boss.token = s.register("boss", "admin", "true")
		s.group("team", ann, bob)
		m := ann.sends("team", "rude")
		bob.sees("team", "rude")
		boss.recalls(m)
		bob.sees("team", "(recalled)")
		ann.sees("team", "(recalled)")
	}},
	{"a message is edited by its sender", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		m := ann.sends("team", "helo")
		bob.sees("team", "helo")
		bob.isRefused("permission_denied", "PATCH", bob.of(m, ""), body{"content": says("mine")})
		ann.edits(m, "hello")
		bob.sees("team", "hello (edited)")
		cem.sees("team", "hello (edited)")
		cem.finds("team", "", "hello (edited)")
		s.app("/message/group/modify.json", "fromUserId", ann.id, "groupId", s.name("team"), "msgUID", m.uid, "content", says("hello!"))
		bob.sees("team", "hello! (edited)")
	}},
	{"a message gets extensions, changes and loses them", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		m := ann.sends("team", "tea or coffee?", with("expansion", body{"tea": "0"}))
		bob.sees("team", "tea or coffee? [tea=0]")
		bob.extends(m, "tea", "1")
		cem.extends(m, "coffee", "1")
		bob.sees("team", "tea or coffee? [coffee=1] [tea=1]")
		cem.unextends(m, "coffee", "milk")
		bob.sees("team", "tea or coffee? [tea=1]")
		ann.sees("team", "tea or coffee? [tea=1]") // who was away has what is left
		cem.finds("team", "", "tea or coffee? [tea=1]")
		plain := ann.sends("team", "plain")
		bob.isRefused("invalid_argument", "PUT", bob.of(plain, "/expansion"), body{"set": body{"k": "v"}})
	}},
	{"the app's server sets, reads and deletes extensions", func(s *scene) {
		ann, bob, _ := s.three()
		s.group("team", ann, bob)
		m := s.appSends(ann, "team", "RC:TxtMsg", says("an order"), "expansion", "true", "extraContent", `{"state":"new"}`)
		bob.sees("team", "an order [state=new]")
		about := []string{"msgUID", m.uid, "userId", ann.id, "conversationType", "3", "targetId", s.name("team")}
		s.app("/message/expansion/set.json", append(about, "extraKeyVal", `{"state":"paid","by":"bob"}`)...)
		bob.sees("team", "an order [by=bob] [state=paid]")
		bob.extends(m, "by", "Bob")
		var keys struct {
			ExtraContent map[string]struct {
				V  string
				TS int64
			}
		}
		s.post("/message/expansion/query.json", form([]string{"msgUID", m.uid}), &keys, s.at)
		s.is("what the app reads", keys.ExtraContent["by"].V+" "+keys.ExtraContent["state"].V, "Bob paid")
		s.app("/message/expansion/delete.json", append(about, "extraKey", `["by"]`)...)
		bob.sees("team", "an order [state=paid]")
	}},
}

// readers are who the sender is told has read a message.
func (p *phone) readers(l line) string {
	p.Helper()
	var out struct {
		Read   []struct{ UserID string }
		Unread int
	}
	p.does("GET", p.of(l, "/receipts"), nil, &out)
	var names []string
	for _, r := range out.Read {
		names = append(names, p.named(r.UserID))
	}
	return fmt.Sprintf("%s, %d have not", strings.Join(names, " "), out.Unread)
}

func (p *phone) hasRead(g string, lines ...line) {
	p.Helper()
	var uids []string
	for _, l := range lines {
		uids = append(uids, l.uid)
	}
	p.does("POST", p.in(g, "/receipts"), body{"messageUIDs": uids}, nil)
}

// receiptScenes are of who has read what.
var receiptScenes = []act{
	{"the sender learns who has read a message", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		m := ann.sends("team", "read this", with("receipt", true))
		plain := ann.sends("team", "as you like")
		bob.sees("team", "read this", "as you like")
		s.is("who has read it", ann.readers(m), ", 2 have not")
		bob.hasRead("team", m, plain)
		s.is("who has read it then", ann.readers(m), "bob, 1 have not")
		cem.hasRead("team", m)
		cem.hasRead("team", m)
		s.is("who has read it in the end", ann.readers(m), "bob cem, 0 have not")
		bob.isRefused("permission_denied", "GET", bob.of(m, "/receipts"), nil)
	}},
	{"receipts are asked for after a message was sent", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		m := ann.sends("team", "by the way")
		bob.sees("team", "by the way")
		bob.isRefused("permission_denied", "POST", bob.of(m, "/receipt-request"), body{})
		ann.made("team", "POST", ann.of(m, "/receipt-request"), body{"clientId": ann.key()})
		bob.isTold("team", "receipt_request")
		s.is("the phone knows that it is asked", bob.look(func(v *view) string { return fmt.Sprint(v.rooms[s.name("team")].byUID[m.uid].Receipt) }), "true")
		bob.hasRead("team", m)
		s.is("who has read it", ann.readers(m), "bob, 1 have not")
	}},
	{"a receipt is owed by those a message was for", func(s *scene) {
		ann, bob, cem := s.three()
		s.group("team", ann, bob, cem)
		m := ann.sends("team", "for Bob", to(bob), with("receipt", true))
		cem.hasRead("team", m)
		s.is("who has read it", ann.readers(m), ", 1 have not")
		s.joins("team", s.as("dan"))
		bob.hasRead("team", m)
		s.is("who has read it then", ann.readers(m), "bob, 0 have not")
	}},
}

// appReads is what the app's server reads of a group as one member sees it, the
// newest first.
func (s *scene) appReads(p *person, g string) string {
	s.Helper()
	var page struct {
		Code int
		Text string `json:"errorMessage"`
		Data []struct{ ObjectName, Content string }
	}
	asked, _ := json.Marshal(body{"userId": p.id, "targetId": s.name(g), "startTime": int64(4102444800000), "endTime": 0, "pageSize": 50, "includeStart": true})
	r, err := http.NewRequest(http.MethodPost, s.at+"/v3/message/group/query.json", bytes.NewReader(asked))
	if err != nil {
		s.Fatal(err)
	}
	sign(r, "dev-secret")
	r.Header.Set("Content-Type", "application/json")
	s.checked(r, "/v3/message/group/query.json", &page)
	var got []string
	for _, m := range page.Data {
		got = append(got, (&entry{Type: m.ObjectName, Content: m.Content}).text())
	}
	return quoted(got)
}
