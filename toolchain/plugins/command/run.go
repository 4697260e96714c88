package command

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"

	pulumi "github.com/pulumi/pulumi-go-provider"

	"tenant-storage/toolchain/plugins/plugin"
)

// run executes one command line and keeps its output in the state. A nil line is nothing to do.
func (s *localState) run(ctx context.Context, line *string) error {
	if line == nil {
		return nil
	}
	argv := s.Interpreter
	if len(argv) == 0 {
		argv = []string{"/bin/sh", "-c"}
	}
	argv = append(append([]string{}, argv...), *line)

	var stdout, stderr bytes.Buffer
	both := &lockedBuffer{} // for the error message, in the order of arrival
	shown := newLineLog(ctx)
	logging := plugin.Or(s.Logging, logBoth)
	process := exec.CommandContext(ctx, argv[0], argv[1:]...)
	process.Dir = plugin.Or(s.Dir, "")
	process.Env = s.env()
	process.Stdin = strings.NewReader(plugin.Or(s.Stdin, ""))
	process.Stdout = io.MultiWriter(&stdout, both, shown.when(logging == logBoth || logging == logStdout))
	process.Stderr = io.MultiWriter(&stderr, both, shown.when(logging == logBoth || logging == logStderr))
	err := process.Run()
	shown.close()
	if err != nil {
		return fmt.Errorf("%w: running %q:\n%s", err, *line, both.buffer.String())
	}
	s.Stdout = strings.TrimSuffix(stdout.String(), "\n")
	s.Stderr = strings.TrimSuffix(stderr.String(), "\n")
	return nil
}

// env is this process's environment, the given one, and what the run before printed.
func (s *localState) env() []string {
	env := os.Environ()
	for name, value := range s.Environment {
		env = append(env, name+"="+value)
	}
	if plugin.Or(s.AddPreviousOutputInEnv, true) {
		if s.Stdout != "" {
			env = append(env, "PULUMI_COMMAND_STDOUT="+s.Stdout)
		}
		if s.Stderr != "" {
			env = append(env, "PULUMI_COMMAND_STDERR="+s.Stderr)
		}
	}
	return env
}

// lockedBuffer takes writes from two outputs at a time.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(chunk []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(chunk)
}

// lineLog shows output in the update's log, line by line.
type lineLog struct {
	*io.PipeWriter
	done chan struct{}
}

func newLineLog(ctx context.Context) lineLog {
	reader, writer := io.Pipe()
	log := lineLog{writer, make(chan struct{})}
	go func() {
		defer close(log.done)
		logger := pulumi.GetLogger(ctx)
		lines := bufio.NewScanner(reader)
		for lines.Scan() {
			logger.Info(lines.Text())
		}
		_, _ = io.Copy(io.Discard, reader) // after a line too long to show, the command must still be able to write
	}()
	return log
}

func (l lineLog) when(shown bool) io.Writer {
	if shown {
		return l
	}
	return io.Discard
}

func (l lineLog) close() {
	_ = l.PipeWriter.Close() // never fails
	<-l.done
}
