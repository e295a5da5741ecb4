// Package settings reads the configuration of a function from its environment,
// once. Every field says its variable and its default.
package settings

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // small images have no zones of their own
)

// MaxAppKey is the longest app key in bytes: every device token carries it, and
// the contract bounds a token's length.
const MaxAppKey = 19

// Settings is the whole configuration. It prints, logs and encodes without the
// app's secret.
type Settings struct {
	// AppKey names the app to its servers. THRONG_APP_KEY, required, at most
	// MaxAppKey bytes.
	AppKey string
	// AppSecret signs the servers' requests and the devices' tokens.
	// THRONG_APP_SECRET, required.
	AppSecret string `json:"-"`
	// Project is the cloud project. GOOGLE_CLOUD_PROJECT, required.
	Project string
	// SignatureWindow is how far a request's timestamp may be from now.
	// THRONG_SIGNATURE_WINDOW, a Go duration; default 0, no check, because
	// one published SDK keeps a timestamp for the life of its process.
	SignatureWindow time.Duration
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
	// FCMEndpoint replaces Google's FCM address with a stand-in, without
	// credentials. THRONG_FCM_ENDPOINT; default empty, the real one.
	FCMEndpoint string
	// TimeZone is the zone of the times that the server API writes without one.
	// THRONG_TIME_ZONE, a name such as Asia/Shanghai; default UTC.
	TimeZone *time.Location
}

// FromEnv reads the settings through get, which is os.Getenv outside tests.
// Its error names every variable that is missing or malformed.
func FromEnv(get func(string) string) (Settings, error) {
	r := reader{get: get}
	s := Settings{
		AppKey:          r.required("THRONG_APP_KEY"),
		AppSecret:       r.required("THRONG_APP_SECRET"),
		Project:         r.required("GOOGLE_CLOUD_PROJECT"),
		SignatureWindow: r.duration("THRONG_SIGNATURE_WINDOW", 0),
		TokenLifetime:   r.duration("THRONG_TOKEN_LIFETIME", 0),
		MaxMembers:      r.positive("THRONG_MAX_MEMBERS", 3000),
		CacheBytes:      r.positive("THRONG_CACHE_BYTES", 64<<20),
		Linger:          r.duration("THRONG_LINGER", 100*time.Millisecond),
		FCMEndpoint:     get("THRONG_FCM_ENDPOINT"),
		TimeZone:        r.zone("THRONG_TIME_ZONE"),
	}
	if len(s.AppKey) > MaxAppKey {
		r.errs = append(r.errs, fmt.Errorf("THRONG_APP_KEY is longer than %d bytes", MaxAppKey))
	}
	return s, errors.Join(r.errs...)
}

// Format prints the settings without the secret, whatever the verb.
func (s Settings) Format(f fmt.State, verb rune) {
	type plain Settings
	if s.AppSecret != "" {
		s.AppSecret = "[hidden]"
	}
	fmt.Fprintf(f, fmt.FormatString(f, verb), plain(s))
}

type reader struct {
	get  func(string) string
	errs []error
}

func (r *reader) required(name string) string {
	v := r.get(name)
	switch {
	case v == "":
		r.errs = append(r.errs, fmt.Errorf("%s is not set", name))
	case strings.TrimSpace(v) != v:
		// A line break at the end of a stored secret would refuse every
		// signature and never say why.
		r.errs = append(r.errs, fmt.Errorf("%s begins or ends with white space", name))
	}
	return v
}

func (r *reader) duration(name string, fallback time.Duration) time.Duration {
	v := r.get(name)
	if v == "" {
		return fallback
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		r.errs = append(r.errs, fmt.Errorf("%s is not a duration such as 90s or 24h", name))
	}
	return d
}

func (r *reader) zone(name string) *time.Location {
	zone, err := time.LoadLocation(r.get(name)) // no name is UTC
	if err != nil {
		r.errs = append(r.errs, fmt.Errorf("%s is not the name of a time zone such as Asia/Shanghai", name))
	}
	return zone
}

func (r *reader) positive(name string, fallback int) int {
	v := r.get(name)
	if v == "" {
		return fallback
	}
	n, err := strconv.Atoi(v)
	if err != nil || n <= 0 {
		r.errs = append(r.errs, fmt.Errorf("%s is not a positive whole number", name))
	}
	return n
}
