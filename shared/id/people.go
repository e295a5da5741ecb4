package id

import "slices"

// People are users of whom everything is to be found or erased.
type People map[User]bool

// All says whether users are all among the people; no users are not.
func (p People) All(users []User) bool {
	return len(users) > 0 && !slices.ContainsFunc(users, p.not)
}

// Any says whether one of the users is among the people.
func (p People) Any(users []User) bool { return slices.ContainsFunc(users, p.has) }

// Without returns the users who are none of the people. The list given stays as it is.
func (p People) Without(users []User) []User {
	if !p.Any(users) {
		return users
	}
	return slices.DeleteFunc(slices.Clone(users), p.has)
}

func (p People) has(u User) bool { return p[u] }
func (p People) not(u User) bool { return !p[u] }
