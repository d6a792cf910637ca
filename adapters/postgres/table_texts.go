package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lib/pq"
)

// tableTexts are the statements of a table. Rows come as one array a column.
type tableTexts struct{ insert, upsert, add, update, choose string }

func textsOf(table string, columns, keys []column) tableTexts {
	var rest []column
	for _, c := range columns {
		if !slices.ContainsFunc(keys, func(k column) bool { return k.name == c.name }) {
			rest = append(rest, c)
		}
	}
	names, key := list(columns, "%s", ", "), list(keys, "%s", ", ")
	insert := fmt.Sprintf("INSERT INTO %s AS t (%s)\nSELECT * FROM %s AS u(%s) ORDER BY %s", table, names, unnest(columns), names, key)
	onConflict := func(set string) string {
		if len(rest) == 0 {
			return insert + fmt.Sprintf("\nON CONFLICT (%s) DO NOTHING", key)
		}
		return insert + fmt.Sprintf("\nON CONFLICT (%s) DO UPDATE SET %s", key, list(rest, set, ", "))
	}
	set := list(rest, "%[1]s = u.%[1]s", ", ")
	if len(rest) == 0 {
		set = list(keys, "%[1]s = u.%[1]s", ", ") // counts the rows that are there
	}
	return tableTexts{
		insert: insert,
		upsert: onConflict("%[1]s = excluded.%[1]s"),
		add:    onConflict("%[1]s = t.%[1]s + excluded.%[1]s"),
		update: fmt.Sprintf("UPDATE %s AS t SET %s\nFROM %s AS u(%s) WHERE %s", table, set, unnest(columns), names,
			list(keys, "t.%[1]s = u.%[1]s", " AND ")),
		choose: fmt.Sprintf("SELECT %s FROM %s AS t\nJOIN %s AS u(%s) ON %s", list(columns, "t.%s", ", "), table, unnest(keys), key,
			list(keys, "t.%[1]s = u.%[1]s", " AND ")),
	}
}

// list formats the columns' quoted names.
func list(columns []column, format, separator string) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = fmt.Sprintf(format, pq.QuoteIdentifier(c.name))
	}
	return strings.Join(parts, separator)
}

func unnest(columns []column) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = fmt.Sprintf("$%d::%s[]", i+1, c.sqlType)
	}
	return "unnest(" + strings.Join(parts, ", ") + ")"
}
