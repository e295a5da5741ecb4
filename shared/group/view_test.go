package group_test

import (
	"testing"

	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
)

func TestWhoSeesAnEntry(t *testing.T) {
	ann := group.View{User: "ann", Joined: 10}
	with := func(change func(*group.View)) group.View { v := ann; change(&v); return v }
	left := with(func(v *group.View) { v.Left = 50 })
	before := with(func(v *group.View) { v.BeforeJoin = true })
	cleared := with(func(v *group.View) { v.ClearedSeq = 20 })
	clearedAt := with(func(v *group.View) { v.ClearedAt = 1000 })
	for name, c := range map[string]struct {
		view group.View
		e    group.Entry
		sees bool
	}{
		"a message":                                          {ann, group.Entry{Seq: 11, From: "bob"}, true},
		"one's own":                                          {ann, group.Entry{Seq: 11, From: "ann"}, true},
		"before the join":                                    {ann, group.Entry{Seq: 9, From: "bob"}, false},
		"the join itself":                                    {ann, group.Entry{Seq: 10}, false},
		"before the join, where that shows":                  {before, group.Entry{Seq: 1, From: "bob"}, true},
		"before one left":                                    {left, group.Entry{Seq: 49, From: "bob"}, true},
		"the leaving itself":                                 {left, group.Entry{Seq: 50}, false},
		"after one left":                                     {left, group.Entry{Seq: 51, From: "bob"}, false},
		"while one was away":                                 {with(func(v *group.View) { v.Away = []int64{20, 30} }), group.Entry{Seq: 25, From: "bob"}, false},
		"after one came back":                                {with(func(v *group.View) { v.Away = []int64{20, 30} }), group.Entry{Seq: 31, From: "bob"}, true},
		"away, where what came before shows":                 {with(func(v *group.View) { v.BeforeJoin, v.Away = true, []int64{20, 30} }), group.Entry{Seq: 25, From: "bob"}, true},
		"never a member":                                     {group.View{User: "ann"}, group.Entry{Seq: 1, From: "bob"}, false},
		"never, though what came before a join shows":        {group.View{User: "ann", BeforeJoin: true}, group.Entry{Seq: 1, From: "bob"}, false},
		"targeted at one":                                    {ann, group.Entry{Seq: 11, From: "bob", To: []id.User{"cem", "ann"}}, true},
		"targeted at others":                                 {ann, group.Entry{Seq: 11, From: "bob", To: []id.User{"cem"}}, false},
		"targeted by oneself":                                {ann, group.Entry{Seq: 11, From: "ann", To: []id.User{"cem"}}, true},
		"hidden from its sender":                             {ann, group.Entry{Seq: 11, From: "ann", HideFromSender: true}, false},
		"hidden though targeted at oneself":                  {ann, group.Entry{Seq: 11, From: "ann", HideFromSender: true, To: []id.User{"ann"}}, false},
		"hidden from another":                                {ann, group.Entry{Seq: 11, From: "bob", HideFromSender: true}, true},
		"cleared by seq":                                     {cleared, group.Entry{Seq: 20, From: "bob"}, false},
		"after what was cleared by seq":                      {cleared, group.Entry{Seq: 21, From: "bob"}, true},
		"cleared by time":                                    {clearedAt, group.Entry{Seq: 11, At: 1000, From: "bob"}, false},
		"after what was cleared by time":                     {clearedAt, group.Entry{Seq: 11, At: 1001, From: "bob"}, true},
		"cleared, though before a join shows":                {with(func(v *group.View) { v.BeforeJoin, v.ClearedSeq = true, 5 }), group.Entry{Seq: 5, From: "bob"}, false},
		"deleted":                                            {with(func(v *group.View) { v.Deleted = []int64{12, 20} }), group.Entry{Seq: 20, From: "bob"}, false},
		"between what was deleted":                           {with(func(v *group.View) { v.Deleted = []int64{12, 20} }), group.Entry{Seq: 15, From: "bob"}, true},
		"an edit of what was deleted":                        {with(func(v *group.View) { v.Deleted = []int64{12, 20} }), group.Entry{Seq: 21, From: "bob", Target: 20, TargetAt: 5000}, false},
		"an edit of a message":                               {ann, group.Entry{Seq: 21, From: "bob", Target: 20, TargetAt: 5000}, true},
		"an edit of what was before the join":                {ann, group.Entry{Seq: 21, From: "bob", Target: 9, TargetAt: 5000}, false},
		"an edit of it, where that shows":                    {before, group.Entry{Seq: 21, From: "bob", Target: 9, TargetAt: 5000}, true},
		"an edit of what was said while one was away":        {with(func(v *group.View) { v.Away = []int64{20, 30} }), group.Entry{Seq: 31, From: "bob", Target: 25, TargetAt: 5000}, false},
		"an edit of what was cleared":                        {cleared, group.Entry{Seq: 21, From: "bob", Target: 20, TargetAt: 5000}, false},
		"an edit of what was cleared by time":                {clearedAt, group.Entry{Seq: 21, From: "bob", Target: 20, TargetAt: 1000}, false},
		"older than what is kept":                            {with(func(v *group.View) { v.Since = 500 }), group.Entry{Seq: 11, At: 499, From: "bob"}, false},
		"as old as what is kept":                             {with(func(v *group.View) { v.Since = 500 }), group.Entry{Seq: 11, At: 500, From: "bob"}, true},
		"a recall while one was away, of what one had seen":  {with(func(v *group.View) { v.Away = []int64{20, 30} }), group.Entry{Seq: 25, Kind: group.KindRecall, From: "bob", Target: 15, TargetAt: 5000}, true},
		"a recall while one was away, of what was said then": {with(func(v *group.View) { v.Away = []int64{20, 30} }), group.Entry{Seq: 25, Kind: group.KindRecall, From: "bob", Target: 22, TargetAt: 5000}, false},
		"the recall of one's own to others":                  {ann, group.Entry{Seq: 11, Kind: group.KindRecall, From: "bob", To: []id.User{"cem"}, Users: []id.User{"ann"}}, true},
		"the recall of what was for others":                  {ann, group.Entry{Seq: 11, Kind: group.KindRecall, From: "bob", To: []id.User{"cem"}, Users: []id.User{"dan"}}, false},
	} {
		if c.e.At == 0 && c.view.Since == 0 {
			c.e.At = 5000
		}
		if got := c.view.Sees(c.e); got != c.sees {
			t.Errorf("%s: seen is %v", name, got)
		}
	}
}
