package group

// RetellFor is for tests that let it pass.
const RetellFor = retellFor
