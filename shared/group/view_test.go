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

// TestWhoIsInAfterAnEntry: whoever was taken out by an entry was in before it, and is
// out after it.
func TestWhoIsInAfterAnEntry(t *testing.T) {
	for what, c := range map[string]struct {
		m    group.Member
		in   []int64 // after these
		out  []int64
		left map[int64]int64
	}{
		"a member":             {group.Member{Joined: 5}, []int64{5, 6, 100}, []int64{1, 4}, map[int64]int64{100: 0}},
		"who left":             {group.Member{Joined: 5, Left: 9}, []int64{5, 8}, []int64{4, 9, 10}, map[int64]int64{8: 0, 9: 9, 20: 9}},
		"who came back":        {group.Member{Joined: 20, Before: [2]int64{5, 9}}, []int64{5, 8, 20}, []int64{4, 9, 19}, map[int64]int64{8: 0, 9: 9, 30: 9}},
		"after a dismissal":    {group.Member{Joined: 5, Away: []int64{9, 20}}, []int64{5, 8, 20}, []int64{4, 9, 19}, map[int64]int64{8: 0, 19: 9}},
		"who never was":        {group.Member{}, nil, []int64{0, 1, 5}, map[int64]int64{5: 0}},
		"who joined for once":  {group.Member{Joined: 5, Before: [2]int64{}}, []int64{5}, []int64{0, 4}, nil},
		"twice, and out again": {group.Member{Joined: 20, Left: 25, Before: [2]int64{5, 9}}, []int64{8, 24}, []int64{9, 25}, map[int64]int64{24: 9, 25: 25}},
	} {
		for _, seq := range c.in {
			if !c.m.In(seq) {
				t.Errorf("%s is not in after %d", what, seq)
			}
		}
		for _, seq := range c.out {
			if c.m.In(seq) {
				t.Errorf("%s is in after %d", what, seq)
			}
		}
		for seq, want := range c.left {
			if got := c.m.LeftBy(seq); got != want {
				t.Errorf("%s had left at %d by %d, want %d", what, got, seq, want)
			}
		}
	}
}
