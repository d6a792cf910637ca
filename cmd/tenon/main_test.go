package main

import (
	"os"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
)

// asProgram makes the test binary be the program: these tests start, stop and kill real processes.
const asProgram = "TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	embeddedtest.Main(m)
}
