package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// fanoutTable measures how long it takes from a publish to the last push of a
// big group whose members are all offline.
func (t *town) fanoutTable(_ context.Context, r *report) error {
	if err := t.register(); err != nil {
		return err
	}
	devices := t.members - 1 // the sender is not told
	fanout, push := function("FANOUT"), function("PUSH")
	samples := map[string][]sample{}
	var order []string
	for i := range t.rounds + 1 {
		name := "every other message"
		if i == 0 {
			name = "the first message ever"
		}
		if i < 2 {
			order = append(order, name)
		}
		var s sample
		jobs, err := push.observe(func() (_ sample, err error) {
			s, err = fanout.observe(func() (sample, error) {
				if i == 0 {
					if err := t.createGroupAt(t.gateway, "big", t.members); err != nil {
						return sample{}, err
					}
				}
				return t.pushAll(devices)
			})
			return s, err
		})
		if err != nil {
			return err
		}
		samples[name] = append(samples[name], s)
		t.cpu.fanout, t.cpu.push = s.CPU/1e6, jobs.CPU/1e6/math.Ceil(float64(devices)/jobTargets)
	}
	out := table{Name: "fanout", Title: fmt.Sprintf("From a message to the last of %d pushes", devices), Unit: "messages/s",
		Note: "p50 is the time to the last push at the FCM stand-in; documents, CPU and allocations are the fanout function's for one message; those of the first have what the members' joining costs it in them, for it comes at the same time: each one's devices are looked up, and each one's list of conversations is changed"}
	for _, name := range order {
		out.Rows = append(out.Rows, row{Name: name, Variants: []measured{middle("Throng", samples[name])}})
	}
	r.add(out)
	return nil
}

// pushAll publishes one message and waits for its pushes.
func (t *town) pushAll(devices int) (sample, error) {
	if err := device(http.MethodDelete, t.fcm+"/emulator/pushes", "", ""); err != nil {
		return sample{}, err
	}
	started := time.Now()
	form := url.Values{"fromUserId": {"user0"}, "toGroupId": {"big"}, "objectName": {"RC:TxtMsg"}, "content": {`{"content":"hello"}`}}
	if _, err := once(t.whole.base, "/message/group/publish.json", form.Encode()); err != nil {
		return sample{}, err
	}
	last, err := t.lastPush(started, devices)
	if err != nil {
		return sample{}, err
	}
	took := last.Sub(started)
	return summary([]time.Duration{took}, took), nil
}

// register gives every member of the big group a device.
func (t *town) register() error {
	var wg sync.WaitGroup
	errs := make([]error, 16)
	for worker := range errs {
		wg.Go(func() {
			for i := worker; i < t.members && errs[worker] == nil; i += len(errs) {
				errs[worker] = t.registerOne(fmt.Sprint("user", i))
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *town) registerOne(user string) error {
	answer, err := once(t.gateway, "/user/getToken.json", url.Values{"userId": {user}, "name": {user}}.Encode())
	if err != nil {
		return err
	}
	var out struct{ Token string }
	if err := json.Unmarshal(answer, &out); err != nil {
		return err
	}
	return device(http.MethodPut, t.gateway+"/client/v1/devices/phone", out.Token, `{"platform":"android","pushToken":"token-`+user+`"}`)
}
