// Package id holds the names of things: groups, users, devices and messages.
// They are distinct types so that swapped arguments do not compile.
package id

import (
	"math/rand/v2"
	"strings"

	"github.com/throng-im/throng/shared/fault"
)

// Group names a group: 1 to MaxLength characters of the alphabet Valid checks.
type Group string

// User names a user, by the same rule as Group.
type User string

// Device names one installation of an app, by the same rule as Group.
type Device string

// MaxLength is the longest id in bytes; the contract's limit for users and groups.
const MaxLength = 64

// Valid checks the contract's alphabet (letters, digits and + = - _) and
// length. what names the parameter in the error.
func Valid(what, s string) error {
	if s == "" {
		return fault.New(fault.InvalidArgument, "%s is required", what)
	}
	if len(s) > MaxLength {
		return fault.New(fault.TooLarge, "%s is longer than %d bytes", what, MaxLength)
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '+', c == '=', c == '-', c == '_':
		default:
			return fault.New(fault.InvalidArgument, "%s may hold letters, digits and + = - _ only", what)
		}
	}
	return nil
}

// Document returns the document id for a name. Firestore reserves ids that
// begin and end with two underscores; those get a prefix no valid id has.
func Document(name string) string {
	if strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__") {
		return "~" + name
	}
	return name
}

// FromDocument is the inverse of Document.
func FromDocument(doc string) string { return strings.TrimPrefix(doc, "~") }

// Serial is the random number that stands for a group inside its message ids.
// It is unique per app: creating a group reserves it.
type Serial uint64

const (
	alphabet    = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	serialChars = 9
	seqChars    = 7
	// MaxSerial is the largest Serial: 45 bits, nine characters of a message id.
	MaxSerial Serial = 1<<(5*serialChars) - 1
	// MaxSeq is the largest sequence number a message id can carry: 35 bits.
	MaxSeq int64 = 1<<(5*seqChars) - 1
)

// NewSerial draws a serial for a new group.
func NewSerial() Serial { return Serial(rand.Uint64N(uint64(MaxSerial)) + 1) }

// Message is a message id (messageUID): 16 characters in four blocks of four.
// The first nine carry the group's serial, the other seven the sequence number,
// so that a message is found by its id alone and needs no index document.
type Message string

// NewMessage builds the id of entry seq in the group with this serial.
func NewMessage(serial Serial, seq int64) Message {
	var digits [serialChars + seqChars]byte
	put(digits[:serialChars], uint64(serial))
	put(digits[serialChars:], uint64(seq))
	out := make([]byte, 0, len(digits)+3)
	for i, d := range digits {
		if i > 0 && i%4 == 0 {
			out = append(out, '-')
		}
		out = append(out, d)
	}
	return Message(out)
}

// Parse takes a message id apart. ok is false for anything NewMessage did not
// make; such an id names no message of ours.
func (m Message) Parse() (serial Serial, seq int64, ok bool) {
	if len(m) != 19 || m[4] != '-' || m[9] != '-' || m[14] != '-' {
		return 0, 0, false
	}
	digits := string(m[0:4] + m[5:9] + m[10:14] + m[15:19])
	a, ok1 := get(digits[:serialChars])
	b, ok2 := get(digits[serialChars:])
	return Serial(a), int64(b), ok1 && ok2
}

func put(dst []byte, v uint64) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = alphabet[v&31]
		v >>= 5
	}
}

func get(s string) (v uint64, ok bool) {
	for i := 0; i < len(s); i++ {
		d := strings.IndexByte(alphabet, s[i])
		if d < 0 {
			return 0, false
		}
		v = v<<5 | uint64(d)
	}
	return v, true
}
