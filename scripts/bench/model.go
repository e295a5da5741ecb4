package main

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"
)

// model is Throng on paper: what a load costs and how long it takes, from a few
// figures about the place it runs in. The linger table checks it against what
// can be measured on one machine.
type model struct {
	// Commit and Publish are how long one call takes, in seconds.
	Commit, Publish float64
	// Serial is how many writes a second one document takes; 0 is no limit.
	Serial float64
	// Linger is the longest that commits wait for company, in seconds.
	Linger float64
}

// The pace of the commit loop; see shared/commit/pace.go.
const restCommits, spareCommits = 6, 8

// load is a steady rate of messages to one group on one instance, for a time
// that begins with a rested group.
type load struct{ rate, seconds float64 }

// play says how many commits a second the load makes, and the time from a
// message to its answer, in seconds.
func (m model) play(l load) (commits, latency float64) {
	if m.Linger > 0 && l.rate*restCommits*m.Commit <= 1 && (m.Serial == 0 || l.rate < m.Serial) {
		return l.rate, m.Commit + m.Publish
	}
	apart := 1 / l.rate
	// quick is the time from commit to commit without a pause, slow with one.
	// What a contended document makes a commit wait passes while it pauses, too.
	quick := m.Commit
	if m.Serial > 0 {
		quick = math.Max(quick, 1/m.Serial)
	}
	pause := math.Min(restCommits*quick, m.Linger)
	slow := math.Max(m.Commit+pause, quick)
	answer := func(cycle, commit float64) float64 {
		if cycle <= apart {
			return m.Commit + m.Publish
		}
		return cycle/2 + commit + m.Publish
	}
	free := math.Min(spareCommits*math.Max(quick, apart), l.seconds)
	commits = math.Min(l.rate, (free/math.Max(quick, apart)+(l.seconds-free)/math.Max(slow, apart))/l.seconds)
	latency = (free*answer(quick, quick) + (l.seconds-free)*answer(slow, math.Max(m.Commit, quick-pause))) / l.seconds
	return commits, latency
}

// List prices in us-central1 in dollars, of October 2026. A vCPU-second and a
// request are Cloud Run's with request-based billing.
const (
	perRead, perWrite    = 0.03 / 100e3, 0.09 / 100e3
	perByte, leastBytes  = 40.0 / (1 << 40), 1000.0
	perCPU, perRequest   = 0.000024, 0.40 / 1e6
	eventBytes, jobBytes = 700.0, 90e3
)

// audience is a kind of group: which part of all messages goes to groups of
// this size, and how many messages a minute such a group has at its peak.
type audience struct {
	share, members, perMinute float64
}

// audiences are assumptions, and the report says so.
var audiences = []audience{{0.60, 5, 2}, {0.25, 30, 6}, {0.12, 200, 20}, {0.03, 3000, 120}}

// Further assumptions about people.
const (
	messagesADay = 20  // sent by one daily user
	peakFactor   = 4   // the busiest second over the average one
	offline      = 0.7 // members to be pushed to
	utilisation  = 0.5 // of an instance at the peak
	jobTargets   = 500
	rosterBytes  = 300.0 // of one member with a device
)

// measuredCPU are seconds of processor time, from the other tables of a run.
// fanout is for a message to 3,000 members, and falls with the members; push is
// for a job of 500 devices.
type measuredCPU struct{ send, fanout, push float64 }

func (c measuredCPU) of(members float64) float64 {
	return c.send + c.fanout*math.Max(members/3000, 0.02) + c.push*math.Max(members*offline/jobTargets, 0.01)
}

// usualCPU stands in where a run leaves those tables out.
var usualCPU = measuredCPU{send: 300e-6, fanout: 20e-3, push: 60e-3}

// scale predicts what so many daily users take.
type scale struct {
	perSecond, instances                        float64
	writes, reads, latency, dollars, inboxCosts float64
}

func (m model) scale(users float64, cpu measuredCPU) scale {
	s := scale{perSecond: users * messagesADay / 86400 * peakFactor}
	pubsub := 0.0
	for _, a := range audiences {
		rate := a.perMinute / 60
		commits, latency := m.play(load{rate, 3600})
		writes := commits / rate * 1.02 // and a segment every 49 messages
		reach := a.members * offline
		jobs := math.Ceil(reach / jobTargets)
		// The roster is read anew when somebody joined since; take one message in fifty.
		reads := 0.02 * (1 + math.Ceil(a.members*rosterBytes/96e3))
		s.writes += a.share * writes
		s.reads += a.share * reads
		s.latency += a.share * latency
		// An event is paid for when it is published and when it is delivered, and
		// carries what one commit did.
		events := commits / rate
		job := jobBytes * reach / jobTargets / jobs
		pubsub += a.share * 2 * (events*math.Max(eventBytes/events, leastBytes) + jobs*math.Max(job, leastBytes)) * perByte
		s.instances += s.perSecond * a.share * cpu.of(a.members) / utilisation
		s.dollars += a.share * (cpu.of(a.members)*perCPU + (2+jobs)*perRequest)
		s.inboxCosts += a.share * a.members * perWrite
	}
	s.dollars += s.writes*perWrite + s.reads*perRead + pubsub
	return s
}

// agreement is how far a prediction is from a measurement, as a part of it.
func agreement(predicted, got float64) float64 {
	if got == 0 {
		return math.Inf(1)
	}
	return predicted/got - 1
}

// compare adds the model's figures to the rows of the linger table and says how
// far off it is.
func (m model) compare(name string, rate int, seconds float64, got measured) (measured, string) {
	r := float64(rate)
	commits, latency := m.play(load{r, seconds})
	// A segment is sealed every 49 messages, but not more than one a commit.
	writes := commits/r + math.Min(commits/r, 1.0/49)
	if r*seconds < 65 {
		writes = commits / r // there are not enough messages for a first one
	}
	p := measured{Variant: name + ", predicted", Rate: r, Low: r, High: r, P50: 1000 * latency, Writes: writes, Predicted: true}
	return p, fmt.Sprintf("%s at %d/s: writes %+.0f %%, p50 %+.0f %%", name, rate, 100*agreement(p.Writes, got.Writes), 100*agreement(p.P50, got.P50))
}

// calibrate measures what the model needs to know of this machine.
func (t *town) calibrate(added time.Duration) (model, error) {
	commit, err := t.floor(nil)(1, 1, t.per)
	if err != nil {
		return model{}, err
	}
	both, err := t.floor(t.ps)(1, 1, t.per)
	if err != nil {
		return model{}, err
	}
	return model{Commit: commit.P50/1000 + added.Seconds(), Publish: (both.P50-commit.P50)/1000 + added.Seconds()}, nil
}

// scaleTable says what Throng takes for many people. Every figure in it is
// predicted.
func (t *town) scaleTable(_ context.Context, r *report) error {
	m := model{Commit: 0.032, Publish: 0.032, Linger: 0.1}
	out := table{Name: "scale", Title: "What many people take, on paper", Unit: "messages/s", Predicted: true,
		Note: fmt.Sprintf("all predicted: %d messages a day and user, the busiest second %d times the average, 32 ms a call, groups of %s", messagesADay, peakFactor, describeAudiences())}
	fmt.Printf("\n%s\n%s\n%-24s %12s %10s %10s %10s %10s %14s %20s\n", out.Title, out.Note, "", "messages/s", "instances", "writes/m", "reads/m", "p50 ms", "$ a million", "inbox: $ a million")
	for _, users := range []float64{1e6, 100e6} {
		s := m.scale(users, t.cpu)
		name := fmt.Sprintf("%.0f M daily users", users/1e6)
		fmt.Printf("%-24s %12.0f %10.0f %10.2f %10.2f %10.0f %14.2f %20.0f\n", name, s.perSecond, math.Ceil(s.instances), s.writes, s.reads, 1000*s.latency, 1e6*s.dollars, 1e6*s.inboxCosts)
		out.Rows = append(out.Rows, row{Name: name, Variants: []measured{{
			Variant: "Throng", Predicted: true, Rate: s.perSecond, Low: s.perSecond, High: s.perSecond, P50: 1000 * s.latency,
			Reads: s.reads, Writes: s.writes, Instances: math.Ceil(s.instances), DollarsPerMillion: 1e6 * s.dollars,
		}, {Variant: "inbox per member, writes alone", Predicted: true, Rate: s.perSecond, DollarsPerMillion: 1e6 * s.inboxCosts}}})
	}
	r.Tables = append(r.Tables, out)
	return nil
}

func describeAudiences() string {
	var parts []string
	for _, a := range audiences {
		parts = append(parts, fmt.Sprintf("%.0f members for %.0f %% of messages", a.members, 100*a.share))
	}
	return strings.Join(parts, ", ")
}
