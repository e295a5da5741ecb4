package user_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/throng-im/throng/shared/commit"
	"github.com/throng-im/throng/shared/fault"
	"github.com/throng-im/throng/shared/group"
	"github.com/throng-im/throng/shared/id"
	"github.com/throng-im/throng/shared/user"
)

func open(store commit.Store) (*user.Users, *group.Groups) {
	groups := group.New(store, func(context.Context, ...[]byte) error { return nil }, group.Options{})
	return user.New(store, groups, nil, 0, time.Now), groups
}

// copied reads the devices that a group's roster has of a user.
func copied(t *testing.T, groups *group.Groups, store commit.Store, g id.Group, u id.User) []group.Device {
	t.Helper()
	return copies(t, groups, store, g, u).Devices
}

// copies reads all that a group's roster has of a user.
func copies(t *testing.T, groups *group.Groups, store commit.Store, g id.Group, u id.User) (found group.Targets) {
	t.Helper()
	docs, err := store.Get(t.Context(), []string{"groups/" + string(g)})
	if err != nil {
		t.Fatal(err)
	}
	versions, _ := docs[0].Fields["shards"].([]int64)
	roster, err := groups.Roster(t.Context(), g, versions)
	if err != nil {
		t.Fatal(err)
	}
	roster.Each(func(who id.User, _ group.Member, targets *group.Targets) {
		if who == u && targets != nil {
			found = *targets
		}
	})
	return found
}

func TestUsersAreDescribed(t *testing.T) {
	users, _ := open(new(commit.Memory))
	ctx := t.Context()
	if _, err := users.Info(ctx, "ann"); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown user: %v", err)
	}
	if err := users.Refresh(ctx, "ann", "Nobody", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := users.Info(ctx, "ann"); !fault.Is(err, fault.NotFound) {
		t.Error("refreshing made a user")
	}
	for _, step := range []struct{ name, portrait string }{{"Ann", "http://a"}, {"Anne", ""}} {
		if err := users.Register(ctx, "ann", step.name, step.portrait); err != nil {
			t.Fatal(err)
		}
	}
	if err := users.Refresh(ctx, "ann", "", "http://b"); err != nil {
		t.Fatal(err)
	}
	info, err := users.Info(ctx, "ann")
	if err != nil || info.Name != "Anne" || info.Portrait != "http://b" || time.Since(info.CreatedAt).Abs() > time.Hour {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestDevicesAreCopiedToEveryGroup(t *testing.T) {
	store := new(commit.Memory)
	users, groups := open(store)
	ctx := t.Context()
	for i := range 20 {
		if err := groups.Join(ctx, id.Group(fmt.Sprint("g", i)), []id.User{"ann", "bob"}, "G"); err != nil {
			t.Fatal(err)
		}
	}
	put := func(device, token string) {
		t.Helper()
		if err := users.PutDevice(ctx, "ann", user.Device{ID: id.Device(device), Platform: "ios", Token: token}); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(tokens ...string) {
		t.Helper()
		for _, g := range []id.Group{"g0", "g19"} {
			got := copied(t, groups, store, g, "ann")
			if len(got) != len(tokens) {
				t.Fatalf("%s knows %v, want %v", g, got, tokens)
			}
			for i := range got {
				if got[i].Token != tokens[i] {
					t.Fatalf("%s knows %v, want %v", g, got, tokens)
				}
			}
		}
	}
	put("phone", "t1")
	expect("t1")
	put("tablet", "t2")
	expect("t1", "t2")
	put("phone", "t3") // the token was refreshed
	expect("t2", "t3")
	put("phone-again", "t3") // installed anew, the same token
	expect("t2", "t3")
	if err := users.ForgetToken(ctx, "ann", "t2"); err != nil {
		t.Fatal(err)
	}
	expect("t3")
	if err := users.RemoveDevice(ctx, "ann", "phone-again"); err != nil {
		t.Fatal(err)
	}
	expect()
	for i := range user.MaxDevices + 3 {
		put(fmt.Sprint("d", i), fmt.Sprint("x", i))
	}
	if got := copied(t, groups, store, "g0", "ann"); len(got) != user.MaxDevices || got[0].Token != "x3" {
		t.Errorf("%d devices are kept, from %v", len(got), got[0])
	}
}

// TestARepeatedRegistrationRepairsTheCopies breaks the store after the user's
// own document was written.
func TestARepeatedRegistrationRepairsTheCopies(t *testing.T) {
	store := new(commit.Memory)
	users, groups := open(store)
	ctx := t.Context()
	if err := groups.Join(ctx, "g", []id.User{"ann"}, "G"); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("permission denied")
	store.Before = func(ws []commit.Write) error {
		if ws[len(ws)-1].Path == "groups/g" {
			return broken
		}
		return nil
	}
	d := user.Device{ID: "phone", Platform: "web", Token: "t"}
	if err := users.PutDevice(ctx, "ann", d); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	store.Calm()
	if got := copied(t, groups, store, "g", "ann"); len(got) != 0 {
		t.Fatalf("the test breaks nothing: %v", got)
	}
	if err := users.PutDevice(ctx, "ann", d); err != nil {
		t.Fatal(err)
	}
	if got := copied(t, groups, store, "g", "ann"); len(got) != 1 {
		t.Errorf("the copies were not repaired: %v", got)
	}
}

// silent is a store that does not answer reads.
type silent struct{ *commit.Memory }

func (silent) Get(context.Context, []string, ...string) ([]commit.Doc, error) {
	return nil, fmt.Errorf("%w: connection refused", commit.ErrUnknown)
}

func TestAStoreThatDoesNotAnswerIsSaidSo(t *testing.T) {
	users, _ := open(silent{new(commit.Memory)})
	if _, err := users.Info(t.Context(), "ann"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Info: %v, want a fault that the caller may cure by asking again", err)
	}
	if _, err := users.Profiles(t.Context(), []id.User{"ann"}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Profiles: %v", err)
	}
}

func TestDevicesThatCannotBeReadAreNotLost(t *testing.T) {
	store := new(commit.Memory)
	if _, err := store.Commit(t.Context(), []commit.Write{{Path: "users/ann", Fields: commit.Fields{"devices": []byte("{broken")}}}); err != nil {
		t.Fatal(err)
	}
	users, _ := open(store)
	if err := users.PutDevice(t.Context(), "ann", user.Device{ID: "d", Platform: "web", Token: "t"}); err == nil {
		t.Error("a device was written over what could not be read")
	}
}
