package postgres

import (
	"database/sql/driver"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// column is a struct's field and where it is kept.
type column struct {
	name    string
	sqlType string
	index   []int
	valuer  bool
}

func find(columns []column, name string) (column, bool) {
	i := slices.IndexFunc(columns, func(c column) bool { return c.name == name })
	if i < 0 {
		return column{}, false
	}
	return columns[i], true
}

// columnsOf returns the columns that R's tags name.
func columnsOf[R any](table string) []column {
	t := reflect.TypeFor[R]()
	wrong := func(format string, args ...any) {
		panic(fmt.Sprintf("postgres: table %s: %v: %s", table, t, fmt.Sprintf(format, args...)))
	}
	if t.Kind() != reflect.Struct {
		wrong("want a struct")
	}
	var columns []column
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("db"), ",")
		if name == "" || name == "-" {
			continue
		}
		if _, taken := find(columns, name); taken || !f.IsExported() {
			wrong("field %s: want an exported field and a column of its own, not %q", f.Name, name)
		}
		c := column{name: name, index: f.Index, valuer: f.Type.Implements(reflect.TypeFor[driver.Valuer]())}
		if c.sqlType = f.Tag.Get("pg"); c.sqlType == "" {
			c.sqlType = sqlTypeOf(f.Type)
		}
		if c.sqlType == "" || !c.valuer && sqlTypeOf(f.Type) == "" {
			wrong("field %s: %v has no type in SQL: want a tag `pg`, and a driver.Valuer where it isn't a plain value", f.Name, f.Type)
		}
		columns = append(columns, c)
	}
	if len(columns) == 0 {
		wrong("no field has a tag `db`")
	}
	return columns
}

// sqlTypeOf returns the type of the column that a plain value goes to, "" when there is none.
func sqlTypeOf(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t {
	case reflect.TypeFor[time.Time]():
		return "timestamptz"
	case reflect.TypeFor[uuid.UUID]():
		return "uuid"
	}
	switch t.Kind() { //nolint:exhaustive // the others have none
	case reflect.String:
		return "text"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "bigint"
	case reflect.Float32, reflect.Float64:
		return "double precision"
	case reflect.Bool:
		return "boolean"
	case reflect.Slice:
		if isBytes(t) {
			return "bytea"
		}
	}
	return ""
}
