package push

import (
	"cmp"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"firebase.google.com/go/v4/errorutils"
	"firebase.google.com/go/v4/messaging"
)

const (
	// firstWait is FCM's least for a second try after 500 or 503; it doubles up to
	// longestWait, and up to half of it is added by chance.
	firstWait   = 10 * time.Second
	longestWait = 10 * time.Minute
	// quotaWait is FCM's wait after 429 where it names none.
	quotaWait = time.Minute
)

// fate is what becomes of one notification.
type fate int

const (
	delivered fate = iota
	// dead: the token is no more.
	dead
	// suspect: either the token is no more or the message is wrong.
	suspect
	// refused: trying again is of no use, and the token may be good.
	refused
	// troubled: FCM, the way to it or the device has a problem that passes.
	troubled
	// busy: FCM takes more for this device later.
	busy
	// overQuota: FCM takes more of anybody later.
	overQuota
)

// verdict is what FCM's answer to one message means.
type verdict struct {
	fate fate
	// reason is FCM's code, or Google's where FCM gave none.
	reason string
	// alarm, if not empty, is what an operator has to know.
	alarm string
	// after is FCM's Retry-After, zero for none.
	after time.Duration
}

// verdictOf classifies FCM's answer. The library's predicates look at the error
// itself and not at what it wraps, so this comes before any wrapping.
func verdictOf(err error, now time.Time) verdict {
	if err == nil {
		return verdict{}
	}
	if errors.Is(err, errNotSent) {
		return verdict{fate: troubled, reason: "NOT_SENT"}
	}
	res := errorutils.HTTPResponse(err)
	if res == nil {
		// The library does not even send what it finds malformed.
		return verdict{fate: refused, reason: "MALFORMED"}
	}
	said := read(res)
	after := retryAfter(res.Header, now)
	switch {
	case messaging.IsUnregistered(err):
		return verdict{fate: dead, reason: "UNREGISTERED"}
	case messaging.IsSenderIDMismatch(err):
		return verdict{fate: dead, reason: "SENDER_ID_MISMATCH", alarm: "fcm_sender_id"}
	case messaging.IsInvalidArgument(err) && said.names("message.token"):
		return verdict{fate: dead, reason: "INVALID_ARGUMENT"}
	case messaging.IsInvalidArgument(err) && said.names(""):
		return verdict{fate: refused, reason: "INVALID_ARGUMENT"}
	case messaging.IsInvalidArgument(err):
		return verdict{fate: suspect, reason: "INVALID_ARGUMENT"}
	case messaging.IsThirdPartyAuthError(err):
		return verdict{fate: refused, reason: "THIRD_PARTY_AUTH_ERROR", alarm: "fcm_third_party_auth"}
	case messaging.IsQuotaExceeded(err), res.StatusCode == http.StatusTooManyRequests:
		v := verdict{fate: overQuota, reason: "QUOTA_EXCEEDED", after: cmp.Or(after, quotaWait)}
		if said.deviceQuota() {
			v.fate = busy
		}
		return v
	case errorutils.IsUnauthenticated(err), errorutils.IsPermissionDenied(err):
		// Of our own credentials FCM's codes say nothing.
		return verdict{fate: troubled, reason: said.Error.Status, alarm: "fcm_credentials", after: after}
	case errorutils.IsInvalidArgument(err):
		return verdict{fate: refused, reason: "INVALID_ARGUMENT"}
	default:
		return verdict{fate: troubled, reason: said.Error.Status, after: after}
	}
}

// answer is the body of an error of Google's APIs.
type answer struct {
	Error struct {
		Status  string `json:"status"`
		Details []struct {
			Type            string                   `json:"@type"`
			FieldViolations []struct{ Field string } `json:"fieldViolations"`
			Violations      []struct{ Subject, Description string }
		} `json:"details"`
	} `json:"error"`
}

func read(res *http.Response) (a answer) {
	// What is no such body says nothing.
	_ = json.NewDecoder(res.Body).Decode(&a)
	if a.Error.Status == "" {
		a.Error.Status = "HTTP " + strconv.Itoa(res.StatusCode)
	}
	return a
}

// names says whether FCM names a field as wrong, "" for any.
func (a answer) names(field string) bool {
	for _, d := range a.Error.Details {
		for _, v := range d.FieldViolations {
			if v.Field == field || field == "" && v.Field != "" {
				return true
			}
		}
	}
	return false
}

// deviceQuota says whether a quota is that of one device: its own rate, which says
// nothing about others.
func (a answer) deviceQuota() bool {
	for _, d := range a.Error.Details {
		for _, v := range d.Violations {
			if strings.Contains(strings.ToLower(v.Subject+" "+v.Description), "device") {
				return true
			}
		}
	}
	return false
}

// retryAfter reads the header in its two forms.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

// backoff is how long to wait when FCM was asked so many times before.
func backoff(tries int) time.Duration {
	wait := longestWait
	if tries < 6 {
		wait = firstWait << max(tries, 0)
	}
	return wait + rand.N(wait/2)
}
