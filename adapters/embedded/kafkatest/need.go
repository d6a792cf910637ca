package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// missingError says that a program is not there.
type missingError struct{ program, why string }

func (e *missingError) Error() string {
	return fmt.Sprintf("Apache Kafka for tests: %s is missing (%s); install Java 17 or newer and Maven, on Debian: "+
		"apt-get install default-jre-headless maven", e.program, e.why)
}

// need returns the installed Kafka, or skips the test where it isn't asked for, or a program is missing. In CI nothing may be
// left out unseen.
func need(t testing.TB) *install {
	t.Helper()
	if !Chosen() {
		t.Skipf("it needs Apache Kafka: make test-kafka runs it (%s=real)", ChoiceEnv)
	}
	in, err := shared.installed()
	return usable(t, in, err)
}

// usable returns what was installed, or says why it wasn't.
func usable(t testing.TB, in *install, err error) *install {
	t.Helper()
	if err == nil {
		return in
	}
	if missing, ok := errors.AsType[*missingError](err); ok && !inCI() {
		t.Skip(missing)
	}
	t.Fatal(err)
	return nil
}

// inCI follows the convention of the services: CI is true.
func inCI() bool {
	value := os.Getenv("CI")
	return value != "" && value != "false" && value != "0"
}

// findJava returns the program of JAVA_HOME, else the one on PATH.
func findJava() (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		path, err := exec.LookPath(filepath.Join(home, "bin", "java"))
		if err != nil {
			return "", &missingError{"java", "JAVA_HOME is " + home}
		}
		return path, nil
	}
	path, err := exec.LookPath("java")
	if err != nil {
		return "", &missingError{"java", "neither on PATH nor in JAVA_HOME"}
	}
	return path, nil
}

func findMaven() (string, error) {
	path, err := exec.LookPath("mvn")
	if err != nil {
		return "", &missingError{"mvn", "not on PATH, and Kafka isn't in the cache yet"}
	}
	return path, nil
}

// installed returns the installed Kafka. A failure isn't tried again.
func (l *lender) installed() (*install, error) {
	l.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), installTimeout)
		defer cancel()
		var cache string
		if cache, l.installErr = os.UserCacheDir(); l.installErr == nil {
			l.install, l.installErr = installIn(ctx, filepath.Join(cache, "tenon"))
		}
	})
	return l.install, l.installErr
}
