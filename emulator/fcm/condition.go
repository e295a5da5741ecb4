package fcm

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// maxConditionTopics is how many topics FCM lets a condition name.
	maxConditionTopics = 5
	// maxConditionDepth keeps a malicious condition from exhausting the stack.
	maxConditionDepth = 50
)

// checkCondition reads an expression of topics, such as
//
//	'weather' in topics && ('north' in topics || !('south' in topics))
func checkCondition(condition string) error {
	c := &conditionReader{rest: condition}
	if err := c.either(0); err != nil {
		return err
	}
	if c.space(); c.rest != "" {
		return fmt.Errorf("%s is left over", brief(c.rest))
	}
	if c.topics > maxConditionTopics {
		return fmt.Errorf("it names %d topics, and at most %d are allowed", c.topics, maxConditionTopics)
	}
	return nil
}

type conditionReader struct {
	rest   string
	topics int
}

func (c *conditionReader) space() { c.rest = strings.TrimLeft(c.rest, " \t\r\n") }

// takes reads a sign if it is the next.
func (c *conditionReader) takes(sign string) bool {
	c.space()
	rest, found := strings.CutPrefix(c.rest, sign)
	c.rest = rest
	return found
}

func (c *conditionReader) either(depth int) error {
	for {
		if err := c.both(depth); err != nil || !c.takes("||") {
			return err
		}
	}
}

func (c *conditionReader) both(depth int) error {
	for {
		if err := c.term(depth); err != nil || !c.takes("&&") {
			return err
		}
	}
}

func (c *conditionReader) term(depth int) error {
	if depth > maxConditionDepth {
		return errors.New("it is nested too deeply")
	}
	switch {
	case c.takes("!"):
		return c.term(depth + 1)
	case c.takes("("):
		if err := c.either(depth + 1); err != nil {
			return err
		}
		if !c.takes(")") {
			return errors.New("a closing parenthesis is missing")
		}
		return nil
	}
	return c.topic()
}

func (c *conditionReader) topic() error {
	quote := "'"
	if !c.takes(quote) {
		if quote = `"`; !c.takes(quote) {
			return fmt.Errorf("a topic in quotes is missing before %s", brief(c.rest))
		}
	}
	name, rest, closed := strings.Cut(c.rest, quote)
	if !closed {
		return errors.New("a quote is not closed")
	}
	if !topicName.MatchString(name) {
		return fmt.Errorf("%s is no topic's name", brief(name))
	}
	c.rest = rest
	if !c.takes("in") || !c.takes("topics") {
		return fmt.Errorf("'in topics' is missing behind %s", brief(name))
	}
	c.topics++
	return nil
}
