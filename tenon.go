// Package tenon is the composition root: it wires the kernel and the bounded contexts it is given into one program.
//
// A program's main lists its [Context] values and calls [Main], which is the whole command line: serve, migrate,
// events, config, version. A program with a command line of its own calls [LoadConfig], [New] and [App.Run]. Without a
// database URL and brokers, embedded PostgreSQL and Kafka are started.
//
// Aggregates, commands and read models aren't here: see packages domain, application and application/projection.
package tenon

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Main runs the command line with the program's arguments and environment and ends the process: exit status 0, 1 for a
// failure, 2 for wrong usage or configuration. SIGINT and SIGTERM stop cleanly; a second one ends the process at once.
func Main(contexts ...Context) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop()
	}()
	os.Exit(Execute(ctx, os.Args[1:], os.Environ(), Streams{Out: os.Stdout, Err: os.Stderr}, contexts...))
}

// Execute is [Main] without the process: it runs the command line args and returns the exit status.
func Execute(ctx context.Context, args, environ []string, io Streams, contexts ...Context) int {
	cli := &commandLine{environ: environ, contexts: contexts, io: io}
	root := cli.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(io.Err, "tenon: %v\n", err)
	if cli.started {
		return 1
	}
	return 2
}
