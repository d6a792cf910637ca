package measure

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Fact is a line of the header: what was measured where, with which versions.
type Fact struct{ Name, Value string }

// Report is a whole run.
type Report struct {
	Facts  []Fact
	Tables []Table
}

// Write writes the report as Markdown: the facts, what became of the goals, and a table for each case.
func (r *Report) Write(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString("# Benchmarks\n\nWritten by `make bench`, never by hand. Each figure is the median of its rounds with the least and the greatest;\n" +
		"a ratio is above 1 where a competitor does better than the peer or the limit. The peer is the first one of that role.\n" +
		"Unsteady: the rounds differ by more than half, as on a machine that does other things too; don't quote the figure.\n\n")
	b.WriteString("| | |\n| --- | --- |\n")
	for _, f := range r.Facts {
		fmt.Fprintf(&b, "| %s | %s |\n", f.Name, f.Value)
	}
	r.writeGoals(&b)
	for i := range r.Tables {
		r.Tables[i].write(&b)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (r *Report) writeGoals(b *bytes.Buffer) {
	var lines []string
	for i := range r.Tables {
		for _, g := range r.Tables[i].Case.Goals {
			lines = append(lines, r.Tables[i].goal(&g))
		}
	}
	if len(lines) == 0 {
		return
	}
	b.WriteString("\n## Goals\n\n| case | goal | measured | met | what limits it now |\n| --- | --- | --- | --- | --- |\n")
	b.WriteString(strings.Join(lines, ""))
}

// goal returns a goal's line.
func (t *Table) goal(g *Goal) string {
	m := t.metric(g.Metric)
	own, other := t.summary(g.Of, m), t.summary(g.Against, m)
	of := own.Median
	var want, got string
	var met bool
	switch {
	case g.Against == "" && g.AtLeast > 0:
		met = of >= g.AtLeast
		want, got = fmt.Sprintf("%s: %s at least %s %s", g.Of, m.Name, number(g.AtLeast), m.Unit), number(of)+" "+m.Unit
	case g.Against == "":
		met = of <= g.AtMost
		want, got = fmt.Sprintf("%s: %s at most %s %s", g.Of, m.Name, number(g.AtMost), m.Unit), number(of)+" "+m.Unit
	default:
		x := ratio(m, of, other.Median)
		met = x >= g.AtLeast
		want, got = fmt.Sprintf("%s: at least %s x %s", g.Of, number(g.AtLeast), g.Against), number(x)+" x"
	}
	if own.unsteady() || other.unsteady() {
		got += " (unsteady)"
	}
	if met {
		return fmt.Sprintf("| %s | %s | %s | yes | |\n", t.Case.Name, want, got)
	}
	return fmt.Sprintf("| %s | %s | %s | **no** | %s |\n", t.Case.Name, want, got, g.Unmet)
}

func (t *Table) metric(name string) Metric {
	for _, m := range t.Case.Metrics {
		if m.Name == name {
			return m
		}
	}
	return Metric{Name: name}
}

func (t *Table) write(b *bytes.Buffer) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n", t.Case.Name, t.Case.About)
	b.WriteString("| competitor | role | metric | median | min | max | to the peer | to the limit |\n| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |\n")
	for _, c := range t.Case.Competitors {
		for _, m := range t.Case.Metrics {
			s := t.summary(c.Name, m)
			fmt.Fprintf(b, "| %s | %s | %s, %s | %s | %s | %s | %s | %s |\n", c.Name, c.Role, m.Name, m.Unit,
				median(s), number(s.Min), number(s.Max), t.against(Peer, c.Name, m), t.against(Limit, c.Name, m))
		}
	}
	var notes []string
	for _, c := range t.Case.Competitors {
		if c.Note != "" {
			notes = append(notes, fmt.Sprintf("- %s: %s\n", c.Name, c.Note))
		}
	}
	if len(notes) > 0 {
		b.WriteString("\n" + strings.Join(notes, ""))
	}
}

// against returns the ratio of a competitor to the first one of a role, or nothing.
func (t *Table) against(r Role, competitor string, m Metric) string {
	other := t.first(r)
	if other == "" || m.Exact {
		return ""
	}
	x := ratio(m, t.summary(competitor, m).Median, t.summary(other, m).Median)
	if x == 0 {
		return ""
	}
	return number(x) + " x"
}

// median shows the median, and that it is not to be relied on.
func median(s Summary) string {
	if s.unsteady() {
		return number(s.Median) + " (unsteady)"
	}
	return number(s.Median)
}

// number shows three significant digits, or all before the point.
func number(v float64) string {
	switch size := math.Abs(v); {
	case size == 0:
		return "0"
	case size >= 1000:
		return grouped(int64(math.Round(v)))
	case size >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case size >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case size >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	default:
		return strconv.FormatFloat(v, 'g', 2, 64)
	}
}

// grouped writes thousands apart: 12,345.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
