package notify_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// cases is a file of tables: lines that match combinations of the values of their
// columns, and what they say of them.
type cases struct {
	*testing.T
	columns []column
	byName  map[string]int
	tables  map[string]*table
}

// column is what may be in a cell.
type column struct {
	name   string
	values []string
}

// row is one combination: the number of a value for each column of the file.
type row []int

type table struct {
	name string
	// columns are numbers of the file's.
	columns []int
	lines   []tableLine
	known   map[int][]string
}

type tableLine struct {
	// cells are the values that match, as bits.
	cells  []uint
	result string
}

func readCases(t *testing.T, file string) *cases {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := &cases{T: t, byName: map[string]int{}, tables: map[string]*table{}}
	section := ""
	for n, text := range strings.Split(string(raw), "\n") {
		cells := strings.Fields(text)
		name, begins := strings.CutPrefix(text, "== ")
		switch {
		case len(cells) == 0 || strings.HasPrefix(text, "#"):
		case begins:
			section = name
		case section == "values":
			c.byName[cells[0]] = len(c.columns)
			c.columns = append(c.columns, column{cells[0], cells[1:]})
		default:
			if err := c.add(section, text); err != nil {
				t.Fatalf("%s, line %d: %s", file, n+1, err)
			}
		}
	}
	return c
}

// number is the number of a column.
func (c *cases) number(name string) int {
	n, known := c.byName[name]
	if !known {
		c.Fatalf("there is no column %q", name)
	}
	return n
}

func (c *cases) numbers(names ...string) (out []int) {
	for _, name := range names {
		out = append(out, c.number(name))
	}
	return out
}

// add reads a line of a table, whose first line names its columns.
func (c *cases) add(section, text string) error {
	left, result, _ := strings.Cut(text, "->")
	result = strings.TrimSpace(result)
	cells := strings.Fields(left)
	tab := c.tables[section]
	if tab == nil {
		tab = &table{name: section, known: map[int][]string{}}
		for _, name := range cells {
			if _, known := c.byName[name]; !known {
				return fmt.Errorf("%q has no values", name)
			}
			tab.columns = append(tab.columns, c.number(name))
		}
		c.tables[section] = tab
		return nil
	}
	if len(cells) != len(tab.columns) || result == "" {
		return fmt.Errorf("it has %d cells, the table %d columns", len(cells), len(tab.columns))
	}
	line := tableLine{result: result}
	for i, cell := range cells {
		bits, col := uint(0), c.columns[tab.columns[i]]
		for _, v := range strings.Split(cell, ",") {
			n := slices.Index(col.values, v)
			switch {
			case cell == "*":
				bits = ^uint(0)
			case n < 0:
				return fmt.Errorf("%q is nothing that %s may be", v, col.name)
			default:
				bits |= 1 << n
			}
		}
		line.cells = append(line.cells, bits)
	}
	tab.lines = append(tab.lines, line)
	return nil
}

// says returns what the lines of a table say of a combination, each thing once.
func (c *cases) says(section string, r row) []string {
	tab, key := c.tables[section], 0
	for _, n := range tab.columns {
		key = key*len(c.columns[n].values) + r[n]
	}
	results, there := tab.known[key]
	if !there {
		for _, line := range tab.lines {
			matches := true
			for i, n := range tab.columns {
				matches = matches && line.cells[i]>>r[n]&1 == 1
			}
			if matches && !slices.Contains(results, line.result) {
				results = append(results, line.result)
			}
		}
		tab.known[key] = results
	}
	return results
}

// find puts what a table says of a combination into another column of it.
func (c *cases) find(section string, r row, column string) {
	n := c.number(column)
	r[n] = slices.Index(c.columns[n].values, c.says(section, r)[0])
}

// each calls visit with every combination of the values of some columns.
func (c *cases) each(columns []int, visit func(r row)) {
	c.eachWithin(nil, columns, func(row) {}, visit)
}

// eachWithin is each that calls first for every combination of the first columns,
// before those of all that begin with it.
func (c *cases) eachWithin(outer, columns []int, first, visit func(r row)) {
	r := make(row, len(c.columns))
	var fill func(i int)
	fill = func(i int) {
		if i == len(outer) {
			first(r)
		}
		if i == len(columns) {
			visit(r)
			return
		}
		for v := range c.columns[columns[i]].values {
			r[columns[i]] = v
			fill(i + 1)
		}
	}
	fill(0)
}

// is says whether a combination has a value in a column.
func (c *cases) is(r row, name, value string) bool { return c.text(r, name) == value }

func (c *cases) text(r row, name string) string {
	n := c.number(name)
	return c.columns[n].values[r[n]]
}

// print shows some columns of a combination.
func (c *cases) print(r row, columns []int) string {
	var out []string
	for _, n := range columns {
		out = append(out, c.columns[n].name+"="+c.columns[n].values[r[n]])
	}
	return strings.Join(out, " ")
}
