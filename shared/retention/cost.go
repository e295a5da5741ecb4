package retention

// List prices of Firestore in us-central1, in dollars for 100,000 documents.
const (
	readPrice, writePrice, deletePrice = 0.03, 0.09, 0.01
	// A change through a commit loop reads its document and writes at most two.
	changePrice = readPrice + 2*writePrice
)

// Dollars is about what a round has cost so far, or would cost.
func (p Progress) Dollars() float64 {
	return (float64(p.Reads)*readPrice + float64(p.Removed)*deletePrice + float64(p.Changed)*changePrice) / 100_000
}
