package kafka

import "fmt"

// checkTopic returns an error unless Kafka takes name as a topic's.
func checkTopic(name string) error {
	if name == "" || name == "." || name == ".." || len(name) > 249 {
		return fmt.Errorf("topic name %q has %d characters, want 1 to 249 and neither . nor ..", name, len(name))
	}
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
		default:
			return fmt.Errorf("topic name %q has the character %q, want letters a-z and A-Z, digits, '.', '_' and '-'", name, r)
		}
	}
	return nil
}
