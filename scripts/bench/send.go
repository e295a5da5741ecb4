package main

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/throng-im/throng/shared/pubsub"
)

// smallGroup is the size of the groups where there are many of them.
const smallGroup = 10

// variant is one way to do what a row asks for.
type variant struct {
	name string
	run  func(senders, groups int, per time.Duration) (sample, error)
	// fits says whether the row is worth its time for this variant.
	fits func(senders, groups int) bool
}

func always(int, int) bool { return true }

func oneGroup(_, groups int) bool { return groups == 1 }

// patient leaves out what transactions cannot do: with four or more senders to
// a document most of them starve until their requests time out.
func patient(senders, groups int) bool { return senders <= max(16, groups) }

// targets names the groups of one measurement. The hot group is a new one each
// time: the Firestore emulator keeps every version of a document and takes
// longer for each write of it the more there are (0.9 ms at first, 2.2 ms after
// 4,000), which Firestore does not.
func (t *town) targets(groups int) func(n int64) string {
	if groups == 1 {
		t.hot++
		name := fmt.Sprint("hot", t.hot)
		return func(int64) string { return name }
	}
	return func(n int64) string { return fmt.Sprintf("g%d", n%int64(groups)) }
}

// publish measures Throng through HTTP: accepted, stored and announced.
func (t *town) publish(messages, groups process, hotMembers int) func(senders, groups int, per time.Duration) (sample, error) {
	form := url.Values{"fromUserId": {"ann"}, "objectName": {"bench"}, "content": {content}}.Encode() + "&toGroupId="
	return func(senders, many int, per time.Duration) (sample, error) {
		target := t.targets(many)
		if many == 1 {
			if err := t.createGroupAt(groups.base, target(0), hotMembers); err != nil {
				return sample{}, err
			}
		}
		s, err := messages.observe(func() (sample, error) {
			return storm(senders, per, posts(messages.base, "/message/group/publish.json", func(n int64) string { return form + target(n) }, hasUID))
		})
		if err == nil && many == 1 && messages == t.messages {
			err = t.checkHot(target(0), s.Operations)
		}
		return s, err
	}
}

func hasUID(answer []byte) error {
	if !bytes.Contains(answer, []byte(`"messageUID":"`)) {
		return fmt.Errorf("an answer without a message id: %s", answer)
	}
	return nil
}

func anything([]byte) error { return nil }

// alternative measures a route of the alternatives' server.
func (t *town) alternative(path, extra string) func(senders, groups int, per time.Duration) (sample, error) {
	form := url.Values{"content": {content}}.Encode() + extra + "&groupId="
	return func(senders, groups int, per time.Duration) (sample, error) {
		target := t.targets(groups)
		return t.alternatives.observe(func() (sample, error) {
			return storm(senders, per, posts(t.alternatives.base, path, func(n int64) string { return form + target(n) }, anything))
		})
	}
}

// floor measures the bare store without HTTP: each sender rewrites a document of
// its own; with ps it publishes, too, without which nothing is announced.
func (t *town) floor(ps *pubsub.Client) func(senders, groups int, per time.Duration) (sample, error) {
	return func(senders, _ int, per time.Duration) (sample, error) {
		t.hot++
		s, err := storm(senders, per, func(sender int) (operation, func(), error) {
			path := fmt.Sprintf("bare/%d-%d", t.hot, sender)
			return func(int64) error { return bare(context.Background(), t.store, ps, path, tailFor(senders)) }, func() {}, nil
		})
		s.Writes = 1
		return s, err
	}
}

// floorHTTP is the same behind the HTTP layer that Throng has.
func (t *town) floorHTTP(senders, _ int, per time.Duration) (sample, error) {
	t.hot++
	return t.alternatives.observe(func() (sample, error) {
		return storm(senders, per, func(sender int) (operation, func(), error) {
			form := url.Values{"groupId": {fmt.Sprint("bare", t.hot)}, "count": {fmt.Sprint(sender)}, "size": {fmt.Sprint(len(tailFor(senders)))}, "content": {content}}.Encode()
			return posts(t.alternatives.base, "/bare/send.json", func(int64) string { return form }, anything)(sender)
		})
	})
}

// sendTable measures every sender and group count, the variants in turn.
func (t *town) sendTable(_ context.Context, r *report) error {
	inbox := func(senders, groups int, per time.Duration) (sample, error) {
		size := smallGroup
		if groups == 1 {
			size = t.members
		}
		return t.alternative("/inbox/send.json", fmt.Sprintf("&count=%d", size))(senders, groups, per)
	}
	variants := []variant{
		{"Throng", t.publish(t.messages, t.groups, t.members), always},
		{"Throng, no linger", t.publish(t.hasty, t.groups, t.members), oneGroup},
		// Nobody in this group has a device: what is seen is what listening costs.
		{"Throng, fan-out beside it", t.publish(t.whole, process{base: t.gateway}, 1), oneGroup},
		{"commit + publish, bare", t.floor(t.ps), oneGroup},
		{"commit + publish, HTTP", t.floorHTTP, oneGroup},
		{"commit, bare", t.floor(nil), oneGroup},
		{"counter transaction", t.alternative("/counter/send.json", ""), patient},
		{"inbox per member", inbox, func(senders, groups int) bool { return senders <= 16 }},
	}
	if err := t.sendGroups(); err != nil {
		return err
	}
	fmt.Println("warming up")
	// The emulators' JVMs compile what is called some ten thousand times.
	for _, senders := range []int{16, 256, 64} {
		for _, v := range variants[:5] {
			if !t.variants.MatchString(v.name) && v.name != variants[3].name {
				continue
			}
			if _, err := v.run(senders, 1, min(2*t.per, 2*time.Second)); err != nil {
				return err
			}
		}
	}
	out := table{Name: "send", Title: "Send a message of 400 bytes", Unit: "messages/s",
		Note: fmt.Sprintf("HTTP to the function, stored and announced before it is answered; the hot group has %d members, of many groups each has %d; bare variants have a document per sender and no HTTP", t.members, smallGroup)}
	for _, groups := range t.options.groups {
		for _, senders := range t.senders {
			row, err := t.sendRow(variants, senders, groups)
			if err != nil {
				return err
			}
			out.Rows = append(out.Rows, row)
			fmt.Println("measured", row.Name)
			if groups > 1 && senders == 16 && row.Variants[0].Variant == variants[0].name {
				t.cpu.send = row.Variants[0].CPU / 1e6
			}
		}
	}
	r.add(out)
	return nil
}

func (t *town) sendRow(variants []variant, senders, groups int) (row, error) {
	out := row{Name: fmt.Sprintf("%d senders, %d groups", senders, groups)}
	samples := make([][]sample, len(variants))
	for range t.rounds { // in turn, so that a noisy moment hits all of them
		for i, v := range variants {
			if !v.fits(senders, groups) || !t.variants.MatchString(v.name) {
				continue
			}
			s, err := v.run(senders, groups, t.per)
			if err != nil {
				return out, fmt.Errorf("%s, %s: %w", v.name, out.Name, err)
			}
			samples[i] = append(samples[i], s)
		}
	}
	for i, v := range variants {
		if len(samples[i]) > 0 {
			out.Variants = append(out.Variants, middle(v.name, samples[i]))
		}
	}
	return out, nil
}

// sendGroups creates the small groups.
func (t *town) sendGroups() error {
	for i := range 1000 {
		if err := t.createGroup(fmt.Sprintf("g%d", i), smallGroup); err != nil {
			return err
		}
	}
	return nil
}

// perCall is how many users one call may name.
const perCall = 1000

func (t *town) createGroup(name string, members int) error {
	return t.createGroupAt(t.groups.base, name, members)
}

func (t *town) createGroupAt(base, name string, members int) error {
	for from := 0; from < members; from += perCall {
		var form strings.Builder
		fmt.Fprintf(&form, "groupId=%s&groupName=Group+%s", name, name)
		for i := from; i < min(from+perCall, members); i++ {
			fmt.Fprintf(&form, "&userId=user%d", i)
		}
		if _, err := once(base, "/group/create.json", form.String()); err != nil {
			return err
		}
	}
	return nil
}

// checkHot compares what a hot group holds with what was answered.
func (t *town) checkHot(name string, answered int) error {
	docs, err := t.store.Get(context.Background(), []string{"groups/" + name}, "lastSeq")
	if err != nil {
		return err
	}
	if last, _ := docs[0].Fields["lastSeq"].(int64); last < int64(answered) {
		return fmt.Errorf("the group %s holds %d entries, and %d messages were answered", name, last, answered)
	}
	return nil
}
