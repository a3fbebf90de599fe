package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"sallyport.dev/redirect/internal/command"
)

// rootOfAUserNamespace is what a pod with hostUsers: false has: a network of its own, owned by users of its own.
func rootOfAUserNamespace() *syscall.SysProcAttr {
	mapping := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 100_000, Size: 65_536}}
	return &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET, UidMappings: mapping, GidMappings: mapping,
		Credential: &syscall.Credential{NoSetGroups: true},
	}
}

func TestUIDsAreThoseOfThePod(t *testing.T) {
	world := newWorld(t)
	lines := world.pod.with(t, rootOfAUserNamespace(), "pod-in-pod", world.stateDir)
	for _, want := range []string{"1000 sidecar 127.0.0.1:15910", "5555 database 10.1.1.1:5432"} {
		if said := lines.line(t); said != want {
			t.Errorf("%q, wanted %q", said, want)
		}
	}
}

// podInPod plays both sides within one namespace, since nobody outside could lay a cable into it: the Database's address
// is the pod's own.
func podInPod(args []string) error {
	for _, words := range []string{"ip link set lo up", "ip address add 10.1.1.1/32 dev lo"} {
		fields := strings.Fields(words)
		if out, err := exec.Command(fields[0], fields[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", words, err, out)
		}
	}
	for label, address := range map[string]string{"database": "10.1.1.1:5432", "sidecar": "127.0.0.1:15910"} {
		server := again(0, "serve", label, "tcp4:"+address)
		stdin, err := server.StdinPipe()
		if err != nil {
			return err
		}
		defer stdin.Close()
		stdout, err := server.StdoutPipe()
		if err != nil {
			return err
		}
		if err := server.Start(); err != nil {
			return err
		}
		if _, err := stdout.Read(make([]byte, len("ready\n"))); err != nil {
			return err
		}
	}
	apply := []string{"apply", "--sidecar-uid=5555", "--state-dir=" + args[0], "--database=agents/orders=10.1.1.1:5432=15910"}
	if code := command.Run(context.Background(), apply, "/nowhere", os.Stderr, os.Stderr); code != 0 {
		return fmt.Errorf("apply ended with %d", code)
	}
	for _, uid := range []uint32{applicationUID, sidecarUID} {
		talking := again(uid, "talk", "10.1.1.1:5432")
		talking.Stdin = strings.NewReader("hello\n")
		out, err := talking.Output()
		if err != nil {
			return err
		}
		_, answer, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		fmt.Println(uid, answer)
	}
	return nil
}

// again is this process in another role and under another UID.
func again(uid uint32, role string, args ...string) *exec.Cmd {
	command := exec.Command("/proc/self/exe", args...)
	command.Env = append(os.Environ(), "LAB_ROLE="+role)
	command.Stderr = os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid, NoSetGroups: true}}
	return command
}
