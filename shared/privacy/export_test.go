package privacy

// PageBy has a search list so many documents and groups at a time.
func PageBy(n int) { page, groupPage = n, n }
