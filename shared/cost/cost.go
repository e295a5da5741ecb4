// Package cost counts what a process asks of Firestore and Pub/Sub, in the
// units that are billed. Cost is a feature: tests hold the budgets against
// these counters, and the local cloud shows them.
package cost

import "sync/atomic"

// Counts is a reading of a Meter. Reads counts documents (a query that finds
// nothing counts one, as it is billed), Writes and Deletes documents, Commits
// write requests, Published messages handed to Pub/Sub.
type Counts struct {
	Reads     int64 `json:"reads"`
	Writes    int64 `json:"writes"`
	Deletes   int64 `json:"deletes"`
	Commits   int64 `json:"commits"`
	Published int64 `json:"published"`
}

// Add returns the sum of two readings.
func (c Counts) Add(d Counts) Counts {
	return Counts{c.Reads + d.Reads, c.Writes + d.Writes, c.Deletes + d.Deletes, c.Commits + d.Commits, c.Published + d.Published}
}

// Sub returns c minus an earlier reading.
func (c Counts) Sub(d Counts) Counts {
	return Counts{c.Reads - d.Reads, c.Writes - d.Writes, c.Deletes - d.Deletes, c.Commits - d.Commits, c.Published - d.Published}
}

// Meter counts. The zero value is ready; it is safe for concurrent use.
type Meter struct {
	reads, writes, deletes, commits, published atomic.Int64
}

// Process is the meter of this process, which its clients count into.
var Process = new(Meter)

// Read counts documents read.
func (m *Meter) Read(n int) { m.reads.Add(int64(n)) }

// Commit counts one write request with so many documents written and deleted.
func (m *Meter) Commit(writes, deletes int) {
	m.commits.Add(1)
	m.writes.Add(int64(writes))
	m.deletes.Add(int64(deletes))
}

// Publish counts messages handed to Pub/Sub.
func (m *Meter) Publish(n int) { m.published.Add(int64(n)) }

// Counts reads the meter.
func (m *Meter) Counts() Counts {
	return Counts{m.reads.Load(), m.writes.Load(), m.deletes.Load(), m.commits.Load(), m.published.Load()}
}

// Reset sets every counter to zero.
func (m *Meter) Reset() {
	for _, c := range []*atomic.Int64{&m.reads, &m.writes, &m.deletes, &m.commits, &m.published} {
		c.Store(0)
	}
}
