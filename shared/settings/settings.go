// Package settings reads the configuration of a function from its environment,
// once. Every field says its variable and its default.
package settings

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // THRONG_TIME_ZONE must work in images that carry no zones

	"github.com/throng-im/throng/shared/notify"
)

// MaxAppKey is the longest app key in bytes: every device token carries it, and
// the contract bounds a token's length.
const MaxAppKey = 19

// defaultStrongWindow is how far the timestamp of a request with the stronger
// signature may be from now when no window is set.
const defaultStrongWindow = 5 * time.Minute

// MaxHistoryMonths is the longest that the contract keeps history.
const MaxHistoryMonths = 36

// MaxOfflineDays is the longest that the contract keeps what devices missed.
const MaxOfflineDays = 7

// Settings is the whole configuration. It prints, logs and encodes without the
// app's secret.
type Settings struct {
	// AppKey names the app to its servers. THRONG_APP_KEY, required, at most
	// MaxAppKey bytes.
	AppKey string
	// AppSecret signs the servers' requests and the devices' tokens.
	// THRONG_APP_SECRET, required.
	AppSecret string `json:"-"`
	// PreviousSecret is the secret that AppSecret took over from: what it signed
	// is accepted until PreviousUntil, and it signs nothing new.
	// THRONG_APP_SECRET_PREVIOUS, default none, and
	// THRONG_APP_SECRET_PREVIOUS_UNTIL, RFC 3339, required with it.
	PreviousSecret string `json:"-"`
	PreviousUntil  time.Time
	// Project is the cloud project. GOOGLE_CLOUD_PROJECT, required.
	Project string
	// SignatureWindow is how far a request's timestamp may be from now.
	// THRONG_SIGNATURE_WINDOW, a Go duration; default 0, no check, because
	// one published SDK keeps a timestamp for the life of its process. The
	// stronger signature always has a window, of 5 minutes by default.
	SignatureWindow time.Duration
	// RequireStrongSignature refuses the signature of the published SDKs, which
	// covers neither path nor body. THRONG_REQUIRE_STRONG_SIGNATURE, true or
	// false; default false.
	RequireStrongSignature bool
	// Rates are the server API's rate limits. THRONG_RATE_LIMITS, such as
	// "default=100,/message/group/publish.json=20"; default empty, no limits.
	// Each process counts for itself: the cloud as a whole takes this many for
	// every instance of a function that runs.
	Rates Rates
	// DeviceRate is how many messages, edits, extension changes and typing
	// messages a second one user's devices may send, 0 for any number.
	// THRONG_DEVICE_RATE; default 5, the contract's. Each process counts for
	// itself, and who is spread over several instances gets that much of each.
	DeviceRate int
	// TokenLifetime is how long a device token lives.
	// THRONG_TOKEN_LIFETIME, a Go duration; default 0, for ever.
	TokenLifetime time.Duration
	// MaxMembers bounds a group. THRONG_MAX_MEMBERS; default 3000.
	MaxMembers int
	// CacheBytes bounds the group states one process keeps in memory.
	// THRONG_CACHE_BYTES; default 64 MiB.
	CacheBytes int
	// Linger bounds how long the commits of a busy group wait for company, so
	// that batches grow and not the number of writes; an idle group never waits.
	// THRONG_LINGER, a Go duration, 0 to turn it off; default 100ms.
	Linger time.Duration
	// NotifyLevel is which messages notify those who set nothing themselves: -1
	// and 0 every one, 1 those with an @, 2 those with an @ of the member by
	// name, 4 those with an @ of everyone, 5 none. THRONG_NOTIFY_LEVEL; default 0.
	NotifyLevel notify.Level
	// PushBurst is how many messages a minute notify a group's members one by one;
	// the others are folded into one notification that says how many they are. 0 is
	// any number. THRONG_PUSH_BURST; default 60.
	PushBurst int
	// TimeZone is the zone of the times of day that the server API takes and
	// prints; nil is UTC. THRONG_TIME_ZONE, an IANA name; default UTC.
	TimeZone *time.Location
	// OfflineDays is for how long a device may be away and still gets every entry
	// when it synchronises. THRONG_OFFLINE_DAYS, 1 to MaxOfflineDays; default 7.
	OfflineDays int
	// HistoryMonths is how long messages stay in the cloud's history, 0 to turn
	// history off, at most MaxHistoryMonths. THRONG_HISTORY_MONTHS; default 6.
	HistoryMonths int
	// RetentionDocuments bounds the documents that retention looks at, changes and
	// removes in an hour. THRONG_RETENTION_DOCUMENTS; default 200000, which is some
	// 2,500 messages a second, day and night.
	RetentionDocuments int
	// HistoryBeforeJoin shows new members what was said before they joined.
	// THRONG_HISTORY_BEFORE_JOIN, true or false; default false.
	HistoryBeforeJoin bool
	// HistoryTargeted keeps targeted messages in the history of those they are
	// for. THRONG_HISTORY_TARGETED, true or false; default true.
	HistoryTargeted bool
	// Logs is the bucket of the hourly logs, such as gs://bucket: empty for none.
	// A folder, file:///folder?base_url=http://..., is for a developer's machine.
	// THRONG_LOGS; default empty.
	Logs string
	// MsgRandom makes a repeated msgRandom of the same sender to the same group
	// an error for a minute. THRONG_MSG_RANDOM, true or false; default false:
	// the parameter is ignored.
	MsgRandom bool
	// StreamPing is how often a device on the stream hears something.
	// THRONG_STREAM_PING, a Go duration; default 18s.
	StreamPing time.Duration
	// StreamLifetime is about how long one connection of a device lasts before it
	// is told to come back: less than the platform's limit for a request.
	// THRONG_STREAM_LIFETIME, a Go duration; default 55m.
	StreamLifetime time.Duration
	// StreamConnections is how many devices one process of the stream takes. The
	// platform's bound, the function's concurrency in functions.json, is lower and
	// comes first where there is a platform. THRONG_STREAM_CONNECTIONS; default 5000.
	StreamConnections int
	// FCMEndpoint replaces Google's FCM address with a stand-in, without
	// credentials. THRONG_FCM_ENDPOINT; default empty, the real one.
	FCMEndpoint string
	// Notifications say what a phone shows.
	Notifications Notifications
	// FCMQuota is how many messages all processes together hand to FCM in any
	// minute, 0 for any number: less than FCM's own quota of the project, which is
	// 600,000 unless Google raised it, for processes that send little do not count
	// themselves. At least MinFCMQuota. THRONG_FCM_QUOTA; default 500000.
	FCMQuota int
	// PushDeviceRate is how many messages a minute one device is notified of one by
	// one, 0 for any number: FCM takes 240 a minute for an Android device. What is
	// above becomes one notification of how many there were. Each process counts for
	// itself. THRONG_PUSH_DEVICE_RATE; default 120.
	PushDeviceRate int
	// Callbacks are the calls to the app's own server.
	Callbacks Callbacks
}

// MinFCMQuota is the least quota of FCM that makes sense: one push job must fit.
const MinFCMQuota = 500

// FromEnv reads the settings through get, which is os.Getenv outside tests.
// Its error names every variable that is missing or malformed.
func FromEnv(get func(string) string) (Settings, error) {
	r := reader{get: get}
	s := Settings{
		AppKey:             r.required("THRONG_APP_KEY"),
		AppSecret:          r.required("THRONG_APP_SECRET"),
		Project:            r.required("GOOGLE_CLOUD_PROJECT"),
		SignatureWindow:    r.duration("THRONG_SIGNATURE_WINDOW", 0),
		TokenLifetime:      r.duration("THRONG_TOKEN_LIFETIME", 0),
		MaxMembers:         r.positive("THRONG_MAX_MEMBERS", 3000),
		CacheBytes:         r.positive("THRONG_CACHE_BYTES", 64<<20),
		Linger:             r.duration("THRONG_LINGER", 100*time.Millisecond),
		NotifyLevel:        r.level("THRONG_NOTIFY_LEVEL"),
		PushBurst:          r.between("THRONG_PUSH_BURST", 60, 0, 1<<20),
		TimeZone:           r.zone("THRONG_TIME_ZONE"),
		OfflineDays:        r.between("THRONG_OFFLINE_DAYS", 7, 1, MaxOfflineDays),
		HistoryMonths:      r.between("THRONG_HISTORY_MONTHS", 6, 0, MaxHistoryMonths),
		HistoryBeforeJoin:  r.flag("THRONG_HISTORY_BEFORE_JOIN", false),
		HistoryTargeted:    r.flag("THRONG_HISTORY_TARGETED", true),
		MsgRandom:          r.flag("THRONG_MSG_RANDOM", false),
		StreamPing:         r.duration("THRONG_STREAM_PING", 18*time.Second),
		StreamLifetime:     r.duration("THRONG_STREAM_LIFETIME", 55*time.Minute),
		StreamConnections:  r.between("THRONG_STREAM_CONNECTIONS", 5000, 1, 1<<20),
		FCMEndpoint:        get("THRONG_FCM_ENDPOINT"),
		Notifications:      r.notifications(),
		RetentionDocuments: r.positive("THRONG_RETENTION_DOCUMENTS", 200_000),
		Logs:               r.bucket("THRONG_LOGS"),

		FCMQuota:               r.between("THRONG_FCM_QUOTA", 500_000, 0, 1<<30),
		PushDeviceRate:         r.between("THRONG_PUSH_DEVICE_RATE", 120, 0, MaxRate),
		RequireStrongSignature: r.flag("THRONG_REQUIRE_STRONG_SIGNATURE", false),
		Rates:                  r.rates("THRONG_RATE_LIMITS"),
		DeviceRate:             r.between("THRONG_DEVICE_RATE", 5, 0, MaxRate),
		Callbacks:              r.callbacks(),
	}
	s.PreviousSecret, s.PreviousUntil = r.previous("THRONG_APP_SECRET_PREVIOUS", s.AppSecret)
	if s.FCMQuota > 0 && s.FCMQuota < MinFCMQuota {
		r.fail("THRONG_FCM_QUOTA is neither 0 nor at least %d", MinFCMQuota)
	}
	if len(s.AppKey) > MaxAppKey {
		r.fail("THRONG_APP_KEY is longer than %d bytes", MaxAppKey)
	}
	return s, errors.Join(r.errs...)
}

// Secrets are the secrets that sign at this moment: the app's, and the previous
// one in its time of grace.
func (s *Settings) Secrets(now func() time.Time) []string {
	if s.PreviousSecret != "" && now().Before(s.PreviousUntil) {
		return []string{s.AppSecret, s.PreviousSecret}
	}
	return []string{s.AppSecret}
}

// StrongWindow is the window of the stronger signature, which always has one.
func (s *Settings) StrongWindow() time.Duration {
	return cmp.Or(s.SignatureWindow, defaultStrongWindow)
}

// OfflineWindow is OfflineDays as a duration.
func (s *Settings) OfflineWindow() time.Duration {
	return time.Duration(s.OfflineDays) * 24 * time.Hour
}

// Format prints the settings without the secrets, whatever the verb.
func (s Settings) Format(f fmt.State, verb rune) {
	type plain Settings
	for _, secret := range []*string{&s.AppSecret, &s.PreviousSecret} {
		if *secret != "" {
			*secret = "[hidden]"
		}
	}
	fmt.Fprintf(f, fmt.FormatString(f, verb), plain(s))
}

type reader struct {
	get  func(string) string
	errs []error
}

func (r *reader) fail(format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf(format, args...))
}

func (r *reader) required(name string) string {
	v := r.trimmed(name)
	if v == "" {
		r.fail("%s is not set", name)
	}
	return v
}

// trimmed reads a text without white space around it: a line break at the end
// of a stored secret would refuse every signature and never say why.
func (r *reader) trimmed(name string) string {
	v := r.get(name)
	if strings.TrimSpace(v) != v {
		r.fail("%s begins or ends with white space", name)
	}
	return v
}

// previous reads the secret before this one and how long it is good for.
func (r *reader) previous(name, current string) (secret string, until time.Time) {
	secret = r.trimmed(name)
	end := r.get(name + "_UNTIL")
	switch {
	case secret == "" && end == "":
		return "", time.Time{}
	case secret == "":
		r.fail("%s_UNTIL is set, %s is not", name, name)
	case secret == current:
		r.fail("%s is the secret that is in use", name)
	case end == "":
		r.fail("%s is set, %s_UNTIL is not", name, name)
	}
	until, err := time.Parse(time.RFC3339, end)
	if err != nil && end != "" {
		r.fail("%s_UNTIL is not a time such as 2027-01-31T12:00:00Z", name)
	}
	return secret, until
}

func (r *reader) duration(name string, fallback time.Duration) time.Duration {
	v := r.get(name)
	if v == "" {
		return fallback
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		r.fail("%s is not a duration such as 90s or 24h", name)
	}
	return d
}

func (r *reader) positive(name string, fallback int) int {
	v := r.get(name)
	if v == "" {
		return fallback
	}
	n, err := strconv.Atoi(v)
	if err != nil || n <= 0 {
		r.fail("%s is not a positive whole number", name)
	}
	return n
}

func (r *reader) level(name string) notify.Level {
	v := r.get(name)
	if v == "" {
		return notify.Unset
	}
	n, err := strconv.Atoi(v)
	if err != nil || notify.Level(n).Check(name) != nil {
		r.fail("%s is not -1, 0, 1, 2, 4 or 5", name)
	}
	return notify.Level(n)
}

func (r *reader) zone(name string) *time.Location {
	zone, err := notify.Zone(r.get(name))
	if err != nil {
		r.fail("%s is not the name of a time zone such as Asia/Shanghai", name)
	}
	return zone
}

func (r *reader) between(name string, fallback, least, most int) int {
	v := r.get(name)
	if v == "" {
		return fallback
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		r.fail("%s is not a whole number from %d to %d", name, least, most)
	}
	return n
}

func (r *reader) bucket(name string) string {
	v := r.trimmed(name)
	if v != "" && !strings.HasPrefix(v, "gs://") && !strings.HasPrefix(v, "file:///") {
		r.fail("%s is not a bucket such as gs://bucket or file:///folder", name)
	}
	return v
}

func (r *reader) flag(name string, fallback bool) bool {
	switch v := r.get(name); v {
	case "":
		return fallback
	case "true", "false":
		return v == "true"
	default:
		r.fail("%s is neither true nor false", name)
		return fallback
	}
}
