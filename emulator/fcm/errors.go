package fcm

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// status is an FCM error's HTTP status and its name in Google's error model.
type status struct {
	http int
	name string
}

var statuses = map[string]status{
	"UNREGISTERED":           {404, "NOT_FOUND"},
	"INVALID_ARGUMENT":       {400, "INVALID_ARGUMENT"},
	"SENDER_ID_MISMATCH":     {403, "PERMISSION_DENIED"},
	"QUOTA_EXCEEDED":         {429, "RESOURCE_EXHAUSTED"},
	"UNAVAILABLE":            {503, "UNAVAILABLE"},
	"INTERNAL":               {500, "INTERNAL"},
	"THIRD_PARTY_AUTH_ERROR": {401, "UNAUTHENTICATED"},
}

// refusal is an answer that is an error.
type refusal struct {
	code, message string
	violations    invalid
	// quota names the quota that is used up.
	quota string
	// wait goes into the header Retry-After, in whole seconds.
	wait time.Duration
}

// fail answers in Google's error model, with the detail by which the SDKs tell
// FCM's errors apart.
func fail(w http.ResponseWriter, f refusal) {
	st := statuses[f.code]
	details := []any{map[string]string{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": f.code}}
	if len(f.violations) > 0 {
		details = append(details, map[string]any{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": f.violations})
	}
	if f.quota != "" {
		details = append(details, map[string]any{
			"@type":      "type.googleapis.com/google.rpc.QuotaFailure",
			"violations": []map[string]string{{"subject": f.quota, "description": f.message}},
		})
	}
	if f.wait > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((f.wait+time.Second-1)/time.Second), 10))
	}
	answer(w, st.http, map[string]any{"error": map[string]any{"code": st.http, "message": f.message, "status": st.name, "details": details}})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// decode reads the body of a call of the stand-in's own, and refuses one that it
// does not understand, a misspelt name included, with a word on what it should be.
func decode(w http.ResponseWriter, r *http.Request, into any, should string) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		refuse(w, "the body must be JSON: "+should)
		return false
	}
	return true
}

// refuse answers a call of the stand-in's own that is wrong.
func refuse(w http.ResponseWriter, message string) {
	answer(w, http.StatusBadRequest, map[string]string{"error": message})
}
