package fault_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/fault"
)

func TestAFaultIsFoundInsideAnError(t *testing.T) {
	full := &fault.Error{Kind: fault.RateLimited, Message: "slow down", RetryAfter: time.Second}
	for name, err := range map[string]error{
		"itself": full, "wrapped": fmt.Errorf("send: %w", full), "twice": fmt.Errorf("a: %w", fmt.Errorf("b: %w", full)), "joined": errors.Join(io.EOF, full),
	} {
		if got := fault.Of(err); got != full {
			t.Errorf("%s: %+v", name, got)
		}
		if !fault.Is(err, fault.RateLimited) || fault.Is(err, fault.Internal) {
			t.Errorf("%s is of another kind", name)
		}
	}
}

func TestWhatNobodyClassifiedIsInternalAndSilent(t *testing.T) {
	for _, err := range []error{nil, io.EOF, errors.New("password=hunter2"), fmt.Errorf("open: %w", errors.New("hunter2"))} {
		f := fault.Of(err)
		if f == nil || f.Kind != fault.Internal || strings.Contains(f.Error(), "hunter2") || strings.Contains(f.Error(), "EOF") || f.Message == "" {
			t.Errorf("%v: %+v", err, f)
		}
		// It never was a fault: an explicit look must not take it for one.
		if fault.Is(err, fault.Internal) {
			t.Errorf("%v is said to be a fault", err)
		}
	}
}

func TestTheTextIsFormatted(t *testing.T) {
	err := fault.New(fault.TooLarge, "%s is longer than %d bytes", "name", 7)
	if err.Message != "name is longer than 7 bytes" || err.Error() != "too_large: name is longer than 7 bytes" || err.RetryAfter != 0 {
		t.Errorf("%+v %s", err, err)
	}
}
