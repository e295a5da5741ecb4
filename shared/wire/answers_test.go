package wire

import "testing"

// TestEveryAnswerSaysWhatItMeans holds the table of answers against the texts
// of the published description.
func TestEveryAnswerSaysWhatItMeans(t *testing.T) {
	for kind := range answers {
		if a := AnswerTo(kind); a.About == "" || a.Code == 0 || a.Status < 400 {
			t.Errorf("%s is answered with %+v", kind, a)
		}
	}
	for kind := range faults {
		if _, ok := answers[kind]; !ok {
			t.Errorf("%s has a text and no answer", kind)
		}
	}
	for _, a := range Envelope() {
		if a.About == "" || a.Code == 0 || a.Status < 400 || a.Status >= 500 {
			t.Errorf("a broken envelope is answered with %+v", a)
		}
	}
}
