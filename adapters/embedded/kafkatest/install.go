package kafkatest

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tenon-go/tenon/adapters/embedded/internal/child"
	"github.com/tenon-go/tenon/adapters/embedded/internal/rundir"
)

//go:embed testdata/pom.xml
var brokerPOM []byte

// install is a Kafka in the cache. What is there is complete: each part is made under another name and renamed.
type install struct {
	java      string
	dir       string
	pom       []byte // what is fetched
	classPath string
	archive   string // of loaded classes: with it a broker starts in half the time
}

// installIn returns the Kafka in a directory of cache, and makes what is missing.
func installIn(ctx context.Context, cache string) (*install, error) {
	return installFrom(ctx, cache, "kafka", brokerPOM, (*install).completeBroker)
}

// installFrom returns what pom names in a directory of cache that its name begins, and completes it. Others that want the same wait.
func installFrom(ctx context.Context, cache, name string, pom []byte, complete func(*install, context.Context) error) (*install, error) {
	java, err := findJava()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(pom)
	in := &install{java: java, pom: pom, dir: filepath.Join(cache, fmt.Sprintf("%s-%x", name, sum[:6]))}
	lock, err := rundir.WaitLock(ctx, in.dir)
	if err == nil {
		err = errors.Join(complete(in, ctx), lock.Unlock())
	}
	if err != nil {
		return nil, fmt.Errorf("install Kafka for tests in %s: %w", in.dir, err)
	}
	return in, nil
}

// completeLib fetches the jars.
func (in *install) completeLib(ctx context.Context) error {
	if err := build(in.path("lib"), func(part string) error { return in.fetch(ctx, part) }); err != nil {
		return err
	}
	jars, err := filepath.Glob(in.path("lib", "*.jar")) // sorted: the archive knows the order
	if err != nil || len(jars) == 0 {
		return errors.Join(fmt.Errorf("no jars in %s: remove the directory", in.path("lib")), err)
	}
	in.classPath = strings.Join(jars, string(filepath.ListSeparator))
	return nil
}

// completeBroker makes all that a broker needs.
func (in *install) completeBroker(ctx context.Context) error {
	if err := in.completeLib(ctx); err != nil {
		return err
	}
	if err := build(in.path("nodes"), func(part string) error { return in.format(ctx, part) }); err != nil {
		return err
	}
	name, err := in.archiveName()
	if err != nil {
		return err
	}
	err = build(in.path(name), func(part string) error { return in.dump(ctx, part) })
	in.archive = in.path(name)
	return err
}

func (in *install) path(parts ...string) string {
	return filepath.Join(append([]string{in.dir}, parts...)...)
}

// build makes path under another name and renames it, unless it is there.
func build(path string, write func(part string) error) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	part := path + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	if err := write(part); err != nil {
		return err
	}
	return os.Rename(part, path)
}

// fetch copies Kafka and all it needs to directory to, with Maven and whatever settings the user has for it.
func (in *install) fetch(ctx context.Context, to string) error {
	maven, err := findMaven()
	if err != nil {
		return err
	}
	file := in.path("pom.xml")
	if err := os.WriteFile(file, in.pom, 0o644); err != nil {
		return err
	}
	return in.run(ctx, "fetch", maven, "--batch-mode", "--quiet", "--file", file, "dependency:copy-dependencies",
		"-DincludeScope=runtime", "-DoutputDirectory="+to)
}

// run runs a program, whose output is part of the error.
func (in *install) run(ctx context.Context, step, program string, args ...string) error {
	file := in.path(step + ".log")
	log, err := os.Create(file)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = in.dir, log, log
	if err := child.Run(ctx, cmd, nil); err != nil {
		return fmt.Errorf("%s: %w:\n%s", step, err, tail(file))
	}
	return nil
}

// archiveName depends on the virtual machine: another one refuses the archive.
func (in *install) archiveName() (string, error) {
	path, err := filepath.EvalSymlinks(in.java)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(fmt.Append(nil, path, info.Size(), info.ModTime().UnixNano()))
	return fmt.Sprintf("classes-%x.jsa", sum[:4]), nil
}

// dump runs a broker that writes the classes it has loaded to file.
func (in *install) dump(ctx context.Context, file string) error {
	c, err := newCluster(ctx, in, Options{})
	if err != nil {
		return err
	}
	n := c.nodes[0]
	n.flags = []string{"-XX:ArchiveClassesAtExit=" + file}
	err = c.launch(ctx, n)
	if err == nil {
		err = n.end(syscall.SIGTERM)
	}
	if _, missing := os.Stat(file); err == nil && missing != nil {
		err = fmt.Errorf("the broker has written no archive of its classes:\n%s", tail(n.log()))
	}
	return errors.Join(err, c.end())
}
