package embedded

import "errors"

func checkPort(service string, port int) error {
	if port < 0 || port > 65535 {
		return &PortError{Service: service, Port: port, Cause: errors.New("a port is 0 to 65535")}
	}
	return nil
}
