package group

import (
	"time"

	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/id"
)

// The commands. Each is a pure function of the draft: it may run any number of
// times, and it changes nothing when it returns an error.

// join makes users members, creating the group where there is none and
// reviving it where it was dismissed. A name that is not empty becomes the
// group's name. Users who are members stay as they are.
func (s *state) join(users []id.User, name string, limit int) error {
	var fresh []id.User
	var known []int64
	for _, u := range users {
		if m := s.member(u); m.Present() {
			known = append(known, m.entered())
		} else {
			fresh = append(fresh, u)
		}
	}
	if len(fresh) > 0 && int(s.members)+len(fresh) > limit {
		return fault.New(fault.GroupFull, "the group holds at most %d members: it has %d and %d more were asked for", limit, s.members, len(fresh))
	}
	joined, err := Entry{Kind: KindJoined, Users: fresh}.encode()
	if err != nil {
		return err
	}
	s.retell(known...)
	s.begin()
	if s.dismissed {
		s.dismissed, s.changed = false, true
	}
	if len(fresh) > 0 {
		seq, _ := s.append(joined)
		for _, u := range fresh {
			sh := s.changeFor(u)
			sh.setMember(u, sh.members[u].enter(seq, s.dismissal))
			// What was copied when they were here before has not been kept up since.
			sh.dropTargets(u)
		}
		s.members += int64(len(fresh))
	}
	return s.rename(name)
}

// begin gives a group that was never created its first roster shard.
func (s *state) begin() {
	if s.begun() {
		return
	}
	first := newShard()
	first.targetsDirty = false
	s.shards, s.versions, s.sizes, s.changed = []*shard{first}, []int64{0}, []int64{0}, true
}

// reserve makes a head to keep what is said of a group before it is created.
func (s *state) reserve() {
	if !s.begun() {
		s.begin()
		s.dismissed = true
	}
}

// member is a user's record; the zero Member where there is none.
func (s *state) member(u id.User) Member {
	if !s.begun() {
		return Member{}
	}
	return s.shardFor(u).members[u]
}

// rename changes the name that pushes show. The first name of a group is not
// news to anybody.
func (s *state) rename(name string) error {
	if name == "" || !s.begun() {
		return nil
	}
	if name == s.name {
		s.retellName()
		return nil
	}
	if s.name != "" {
		renamed, err := Entry{Kind: KindRenamed, Content: name}.encode()
		if err != nil {
			return err
		}
		s.append(renamed)
	}
	s.name, s.changed, s.renamed = name, true, true
	return nil
}

// renameLive is rename for callers that know the group by name only.
func (s *state) renameLive(name string) error {
	if !s.live() {
		return nil
	}
	return s.rename(name)
}

// quit ends memberships. Who is not a member is passed over.
func (s *state) quit(users []id.User) error {
	var leaving []id.User
	var known []int64
	for _, u := range users {
		if m := s.member(u); m.Present() {
			leaving = append(leaving, u)
		} else if m.Left > 0 {
			known = append(known, m.Left)
		}
	}
	s.retell(known...)
	if len(leaving) == 0 {
		return nil
	}
	left, err := Entry{Kind: KindLeft, Users: leaving}.encode()
	if err != nil {
		return err
	}
	seq, at := s.append(left)
	for _, u := range leaving {
		s.leave(u, seq, at)
	}
	s.sweep()
	return nil
}

func (s *state) leave(u id.User, seq, at int64) {
	sh := s.changeFor(u)
	m := sh.members[u]
	m.Left, m.LeftAt = seq, at
	sh.setMember(u, m)
	s.members--
}

// dismiss ends the group. Its timeline stays; joining revives it.
func (s *state) dismiss(by id.User) error {
	if !s.live() {
		s.retell(s.dismissal)
		return nil
	}
	dismissed, err := Entry{Kind: KindDismissed, From: by}.encode()
	if err != nil {
		return err
	}
	seq, at := s.append(dismissed)
	for _, sh := range s.shards {
		for u, m := range sh.members {
			if m.Present() {
				s.leave(u, seq, at)
			}
		}
	}
	s.dismissed, s.dismissal = true, seq
	s.sweep()
	return nil
}

// Receipt says what became of a message.
type Receipt struct {
	UID id.Message
	Seq int64
	// At is the time of sending in Unix milliseconds.
	At int64
	// Repeated says that the message was there already.
	Repeated bool
}

// publish adds a message from the app's server, which stands above the group's
// rules. It returns no receipt when there is no group to receive it.
func (s *state) publish(m saying) *Receipt {
	if !s.live() {
		return nil
	}
	seq, at := s.say(m)
	return &Receipt{UID: id.NewMessage(s.serial, seq), Seq: seq, At: at}
}

// sent is what send answers.
type sent struct {
	Receipt
	// unannounced marks the answer to a key that was used before and whose entry
	// was no longer at hand to be announced again.
	unannounced bool
}

// send adds a message from a member's device. key stands for the device's
// idempotency key, which was looked for among the entries sealed up to the seq
// checked; entries keyed since must still be in the ring. A key that is known
// comes before every rule: its message was let in when it came.
func (s *state) send(by Actor, key, checked int64, m saying) (sent, error) {
	if answer, known, err := s.repeated(key, checked); known || err != nil {
		return answer, err
	}
	if err := s.speak(by); err != nil {
		return sent{}, err
	}
	seq, at := s.say(m)
	s.recent.add(keyed{key: key, seq: seq, at: at})
	return sent{Receipt: Receipt{UID: id.NewMessage(s.serial, seq), Seq: seq, At: at}}, nil
}

// repeat answers for an entry that is there already, and has it announced once
// more: whoever sent it may have died before the announcement.
func (s *state) repeat(k keyed) sent {
	out := sent{Receipt: Receipt{UID: id.NewMessage(s.serial, k.seq), Seq: k.seq, At: k.at}, unannounced: true}
	if i := int(k.seq - s.tailFirst()); i >= 0 && i < s.tail.len() {
		s.again = append(s.again, append([]byte(nil), s.tail.at(i)...))
		out.unannounced = false
	}
	return out
}

// setTargets stores copies of users' devices. A copy that is no newer than what
// is there changes nothing.
func (s *state) setTargets(targets map[id.User]Targets) {
	for u, t := range targets {
		if len(s.shards) == 0 {
			return
		}
		sh := s.shardFor(u)
		m, member := sh.members[u]
		old, known := sh.targets[u]
		if !member || m.Joined == 0 || known && !t.outdates(old, time.UnixMilli(s.now)) {
			continue
		}
		s.changeFor(u).setTargets(u, t)
	}
}
