package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestMain lets the test binary be the command.
func TestMain(m *testing.M) {
	if os.Getenv("BE_THE_COMMAND") != "" {
		main()
	}
	os.Exit(m.Run())
}

func run(args ...string) *exec.Cmd {
	command := exec.Command("/proc/self/exe", args...)
	command.Env = append(os.Environ(), "BE_THE_COMMAND=yes")
	return command
}

func TestMisuse(t *testing.T) {
	for _, each := range []struct {
		args []string
		want string
	}{
		{nil, "usage:\n"},
		{[]string{"--help"}, "usage:\n"},
		{[]string{"apply"}, "sallyport-redirect: --sidecar-uid must be given once, and was given 0 times\nsallyport-redirect: --state-dir must be"},
		{[]string{"probe", "--state-dir=x"}, "sallyport-redirect: --state-dir=x must be an absolute path\nsallyport-redirect: --interval-seconds must be"},
	} {
		t.Run(strings.Join(each.args, " "), func(t *testing.T) {
			var stderr bytes.Buffer
			command := run(each.args...)
			command.Stderr = &stderr
			_ = command.Run()
			if code := command.ProcessState.ExitCode(); code != 2 || !strings.HasPrefix(stderr.String(), each.want) {
				t.Errorf("%d %s", code, stderr.String())
			}
		})
	}
}

func TestTheProbeEndsCleanly(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "targets.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	command := run("probe", "--state-dir="+folder, "--interval-seconds=60")
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	// What it says about the file shows that it runs.
	reader := bufio.NewReader(stderr)
	if line, err := reader.ReadString('\n'); err != nil {
		t.Errorf("%q %v", line, err)
	}
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(reader)
	if err := command.Wait(); err != nil || len(rest) > 0 {
		t.Errorf("%v %q", err, rest)
	}
}
