//go:build !linux

package embedded

import (
	"bufio"
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// serverProcesses returns the processes of a server on data: those whose command line names the
// directory, and their children.
func serverProcesses(data string) ([]int, error) {
	out, err := exec.Command("ps", "-axo", "pid=,ppid=,stat=,command=").Output()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	return parseProcesses(out, data), nil
}

func parseProcesses(listing []byte, data string) []int {
	var pids []int
	children := map[int][]int{}
	for lines := bufio.NewScanner(bytes.NewReader(listing)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || strings.HasPrefix(fields[2], "Z") {
			continue
		}
		pid, _ := strconv.Atoi(fields[0])
		parent, _ := strconv.Atoi(fields[1])
		children[parent] = append(children[parent], pid)
		command := strings.Join(fields[3:], " ") + " "
		if strings.Contains(command, "postgres") && strings.Contains(command, "-D "+data+" ") {
			pids = append(pids, pid)
		}
	}
	for _, pid := range slices.Clone(pids) {
		pids = append(pids, children[pid]...)
	}
	return pids
}
