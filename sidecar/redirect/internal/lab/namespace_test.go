// Package lab tests the rules where they work: a network namespace plays the pod, another one the database's machine, and
// processes under the UIDs of application, sidecar and probe try ways from one to the other. It needs root.
package lab

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	applicationUID = 1000
	sidecarUID     = 5555
	probeUID       = 5556
)

// namespace lives as long as something holds it: this file, a process in it.
type namespace struct{ file *os.File }

func newNamespace(t *testing.T) namespace {
	t.Helper()
	type made struct {
		file *os.File
		err  error
	}
	done := make(chan made)
	go func() {
		// Never unlocked: the thread ends with the goroutine and takes the namespace with it.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- made{err: err}
			return
		}
		file, err := os.Open("/proc/thread-self/ns/net")
		done <- made{file, err}
	}()
	found := <-done
	if found.err != nil {
		t.Fatalf("a network namespace: %v", found.err)
	}
	t.Cleanup(func() { found.file.Close() })
	return namespace{found.file}
}

// start starts the command in the namespace, whatever its credentials are.
func (in namespace) start(command *exec.Cmd) error {
	failure := make(chan error)
	go func() {
		runtime.LockOSThread()
		if err := unix.Setns(int(in.file.Fd()), unix.CLONE_NEWNET); err != nil {
			failure <- err
			return
		}
		failure <- command.Start()
	}()
	return <-failure
}

// run runs a command of the machine as root, and gives what it printed.
func (in namespace) run(t *testing.T, words ...string) string {
	t.Helper()
	var out bytes.Buffer
	command := exec.Command(words[0], words[1:]...)
	command.Stdout, command.Stderr = &out, &out
	err := in.start(command)
	if err == nil {
		err = command.Wait()
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out.String())
	}
	return out.String()
}

func (in namespace) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), in.file.Fd()) }

// sysctl writes below /proc/sys/net, which shows the namespace of the thread that opens it.
func (in namespace) sysctl(t *testing.T, name, value string) {
	t.Helper()
	in.run(t, "sh", "-c", fmt.Sprintf("echo %q > /proc/sys/net/%s", value, strings.ReplaceAll(name, ".", "/")))
}

// process is this test binary, started again in a role.
type process struct {
	command *exec.Cmd
	stdin   io.WriteCloser
	lines   chan string
	stderr  *bytes.Buffer
	waited  sync.Once
	code    int
}

// as starts a role under a UID that has no capabilities unless it is 0.
func (in namespace) as(t *testing.T, uid uint32, role string, args ...string) *process {
	t.Helper()
	return in.with(t, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}, role, args...)
}

func (in namespace) with(t *testing.T, attributes *syscall.SysProcAttr, role string, args ...string) *process {
	t.Helper()
	started := &process{stderr: &bytes.Buffer{}, lines: make(chan string, 1024)}
	// The folder of the test binary is root's own; the link leads past it.
	command := exec.Command("/proc/self/exe", args...)
	command.Env = append(os.Environ(), "LAB_ROLE="+role)
	command.SysProcAttr = attributes
	command.Stderr = started.stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := in.start(command); err != nil {
		t.Fatalf("role %s: %v", role, err)
	}
	started.command, started.stdin = command, stdin
	go func() {
		scanner := bufio.NewScanner(stdout)
		for scanner.Scan() {
			started.lines <- scanner.Text()
		}
		close(started.lines)
	}()
	t.Cleanup(func() { started.end() })
	return started
}

// line waits for the next line; the test fails when the process ends instead.
func (process *process) line(t *testing.T) string {
	t.Helper()
	line, open := <-process.lines
	if !open {
		process.end()
		t.Fatalf("the process ended with %d before it said anything\n%s", process.code, process.stderr)
	}
	return line
}

func (process *process) say(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(process.stdin, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

// end lets the process end by closing its input, and gives its exit code and the lines nobody read.
func (process *process) end() (int, []string) {
	process.stdin.Close()
	var rest []string
	for line := range process.lines {
		rest = append(rest, line)
	}
	process.waited.Do(func() {
		_ = process.command.Wait()
		process.code = process.command.ProcessState.ExitCode()
	})
	return process.code, rest
}

// openFolder is a folder that every UID may write into, as an emptyDir.
func openFolder(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for path, mode := range map[string]os.FileMode{filepath.Dir(folder): 0o755, folder: 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces with several UIDs are made by root only: run as root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("ip(8) is not installed: install iproute2")
	}
}
