package wire

import "github.com/throng-im/throng/shared/fault"

// Answer is how a failure is answered.
type Answer struct {
	Code, Status int
	// About says what it means.
	About string
}

// AnswerTo returns how a kind of fault is answered.
func AnswerTo(kind fault.Kind) Answer {
	a := answers[kind]
	return Answer{a.code, a.status, faults[kind]}
}

// Envelope lists the answers to requests that are broken or not signed, which
// come before any parameter is looked at.
func Envelope() []Answer {
	var out []Answer
	for _, c := range []*coded{errNoBody, errBigBody, errBrokenBody, errAppKey, errSignature, errStale, errWeak, errNonce, errReplay} {
		out = append(out, Answer{c.code, c.status, c.message})
	}
	return out
}

// faults says what the kinds of answers mean, for the published description.
var faults = map[fault.Kind]string{
	fault.InvalidArgument:  "a parameter is missing or wrong; the text says which",
	fault.TooLarge:         "a parameter is too long",
	fault.Unauthenticated:  "the caller is not known",
	fault.TokenExpired:     "the token has expired",
	fault.PermissionDenied: "the caller may not do that",
	fault.NotMember:        "the user is not a member of the group",
	fault.Muted:            "the member is muted",
	fault.GroupMuted:       "the group is muted",
	fault.GroupDismissed:   "the group was dismissed",
	fault.NotFound:         "there is no such path",
	fault.MethodNotAllowed: "the path takes another method",
	fault.GroupFull:        "the group would have more members than it may; nobody joined",
	fault.RateLimited:      "too many calls; Retry-After says when to try again",
	fault.NotEnabled:       "the service is not enabled",
	fault.Unavailable:      "it could not be done in time; try again",
	fault.Internal:         "something went wrong here; try again later",
}
