package debezium

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Properties returns the settings as the file of a standalone worker, for a connector of that name.
func Properties(name string, settings []Setting) string {
	var text strings.Builder
	fmt.Fprintf(&text, "name=%s\n", escape(name))
	for _, s := range settings {
		fmt.Fprintf(&text, "%s=%s\n", s.Name, escape(s.Value))
	}
	return text.String()
}

// escape writes a value as Java reads properties.
func escape(value string) string {
	value = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`).Replace(value)
	if strings.HasPrefix(value, " ") {
		value = `\` + value
	}
	return value
}

// JSON returns the settings as the REST API takes them: PUT /connectors/NAME/config.
func JSON(settings []Setting) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	text.WriteString("{")
	for i, s := range settings {
		if i > 0 {
			text.WriteString(",")
		}
		text.WriteString("\n  ")
		if err := encodePair(enc, &text, s); err != nil {
			return nil, err
		}
	}
	text.WriteString("\n}\n")
	return text.Bytes(), nil
}

// encodePair keeps the order of settings, which a map wouldn't.
func encodePair(enc *json.Encoder, text *bytes.Buffer, s Setting) error {
	for _, part := range []struct{ value, after string }{{s.Name, ": "}, {s.Value, ""}} {
		if err := enc.Encode(part.value); err != nil {
			return err
		}
		text.Truncate(text.Len() - 1) // the encoder's new line
		text.WriteString(part.after)
	}
	return nil
}
