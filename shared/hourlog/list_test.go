package hourlog

import (
	"context"
	"testing"

	"gocloud.dev/blob/driver"
)

// stumbling is a bucket that lists one object at a time, and so many times trips over
// one that is gone when it comes to the second.
type stumbling struct {
	*mortal
	falls int
}

func (s *stumbling) ListPaged(ctx context.Context, o *driver.ListOptions) (*driver.ListPage, error) {
	all, err := s.mortal.ListPaged(ctx, o)
	if err != nil {
		return nil, err
	}
	page := new(driver.ListPage)
	for _, object := range all.Objects {
		if object.Key <= string(o.PageToken) {
			continue
		}
		if len(o.PageToken) > 0 && s.falls > 0 {
			s.falls--
			_, err := s.of.ReadAll(ctx, "gone")
			return nil, err
		}
		page.Objects, page.NextPageToken = append(page.Objects, object), []byte(object.Key)
		break
	}
	return page, nil
}

// TestAListThatTripsIsReadAnew, and visits each object once.
func TestAListThatTripsIsReadAnew(t *testing.T) {
	p := hours(t)
	for _, falls := range []int{0, 1, looks - 1, looks} {
		l := p.through(func(m *mortal) driver.Bucket { return &stumbling{m, falls} })
		got, err := p.searched(l, func(string) {})
		if falls == looks {
			if err == nil {
				t.Error("a list that cannot be read counts as one that ends")
			}
		} else if want := "bad at nine, good at nine, bad at ten, good at ten, "; err != nil || got != want {
			t.Errorf("it trips %d times: %q, %v", falls, got, err)
		}
	}
}
