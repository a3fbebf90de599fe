package lab

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// attempt is one way a process may try.
type attempt struct {
	// Network: "" for TCP, or udp, udplite, icmp, mptcp, fastopen.
	Network string
	Address string
	// Bind is the source address with its port.
	Bind   string
	Device string
	Mark   int
	// Via is the first hop of an IPv4 source route, or of an IPv6 segment routing header, to Address.
	Via    string
	Strict bool
	Text   string
}

// result has who answered, or what the kernel said.
type result struct {
	Reached string
	Error   string
	// UID of the process, as it sees it.
	UID uint32
}

func (result result) String() string {
	if result.Reached != "" {
		return result.Reached
	}
	return result.Error
}

func (way attempt) make() result {
	conn, err := way.connect()
	if err != nil {
		return result{Error: reason(err)}
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	text := way.Text
	if text == "" {
		text = "hello"
	}
	if way.Network == "icmp" {
		text = "\x08\x00\x00\x00\x00\x01\x00\x01hello"
		if strings.Contains(way.Address, "[") {
			text = "\x80" + text[1:]
		}
	}
	if way.Network != "fastopen" {
		if _, err := fmt.Fprintf(conn, "%s\n", text); err != nil {
			return result{Error: reason(err)}
		}
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if answer != "" {
		return result{Reached: strings.TrimSpace(answer)}
	}
	return result{Error: reason(err)}
}

// connect works with plain system calls: what an attacker may set, Go's library does not.
func (way attempt) connect() (net.Conn, error) {
	endpoint, err := netip.ParseAddrPort(way.Address)
	if err != nil {
		return nil, err
	}
	fd, err := way.socket(endpoint.Addr())
	if err != nil {
		return nil, err
	}
	if err := way.prepare(fd, endpoint); err != nil {
		unix.Close(fd)
		return nil, err
	}
	if way.Network == "fastopen" {
		err = unix.Sendto(fd, []byte("hello\n"), unix.MSG_FASTOPEN, sockaddr(endpoint))
	} else {
		err = unix.Connect(fd, sockaddr(endpoint))
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "socket")
	defer file.Close()
	if way.Network == "mptcp" || way.Network == "udplite" || way.Network == "icmp" {
		return newRawConn(fd)
	}
	return net.FileConn(file)
}

func (way attempt) socket(address netip.Addr) (int, error) {
	kinds := map[string][2]int{
		"": {unix.SOCK_STREAM, 0}, "fastopen": {unix.SOCK_STREAM, 0}, "mptcp": {unix.SOCK_STREAM, unix.IPPROTO_MPTCP},
		"udp": {unix.SOCK_DGRAM, 0}, "udplite": {unix.SOCK_DGRAM, unix.IPPROTO_UDPLITE}, "icmp": {unix.SOCK_DGRAM, unix.IPPROTO_ICMP},
	}
	kind, family := kinds[way.Network], unix.AF_INET
	if address.Is6() {
		family = unix.AF_INET6
		if way.Network == "icmp" {
			kind[1] = unix.IPPROTO_ICMPV6
		}
	}
	return unix.Socket(family, kind[0]|unix.SOCK_CLOEXEC, kind[1])
}

func (way attempt) prepare(fd int, endpoint netip.AddrPort) error {
	patience := &unix.Timeval{Sec: 1}
	steps := []error{
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, patience),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, patience),
	}
	if way.Mark != 0 {
		steps = append(steps, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, way.Mark))
	}
	if way.Device != "" {
		steps = append(steps, unix.BindToDevice(fd, way.Device))
	}
	if way.Bind != "" {
		source, err := netip.ParseAddrPort(way.Bind)
		steps = append(steps, err, unix.Bind(fd, sockaddr(source)))
	}
	if way.Via != "" {
		steps = append(steps, way.sourceRoute(fd, netip.MustParseAddr(way.Via)))
	}
	return errors.Join(steps...)
}

// sourceRoute lets packets go to `via` first; needs no capability.
func (way attempt) sourceRoute(fd int, via netip.Addr) error {
	if via.Is4() {
		kind := byte(131)
		if way.Strict {
			kind = 137
		}
		option := append([]byte{kind, 7, 4}, via.AsSlice()...)
		return unix.SetsockoptString(fd, unix.IPPROTO_IP, unix.IP_OPTIONS, string(append(option, 0)))
	}
	// RFC 8754: next header, length in 8 bytes, type 4, segments left, last entry, flags, tag; segments backwards, the one
	// to come last first, which connect fills in.
	header := []byte{0, 4, 4, 1, 1, 0, 0, 0}
	header = append(header, make([]byte, 16)...)
	header = append(header, via.AsSlice()...)
	return unix.SetsockoptString(fd, unix.IPPROTO_IPV6, unix.IPV6_RTHDR, string(header))
}

func sockaddr(endpoint netip.AddrPort) unix.Sockaddr {
	if endpoint.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(endpoint.Port()), Addr: endpoint.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(endpoint.Port()), Addr: endpoint.Addr().As16()}
}

func reason(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	if err == nil {
		return "nothing"
	}
	return err.Error()
}

// rawConn is a socket of a kind that Go's library does not know.
type rawConn struct {
	net.Conn
	fd int
}

func newRawConn(fd int) (net.Conn, error) {
	copied, err := unix.Dup(fd)
	return &rawConn{fd: copied}, err
}

func (conn *rawConn) Read(data []byte) (int, error) {
	length, err := unix.Read(conn.fd, data)
	return max(length, 0), err
}

func (conn *rawConn) Write(data []byte) (int, error) {
	length, err := unix.Write(conn.fd, data)
	return max(length, 0), err
}

// SetDeadline does nothing: prepare has set the socket's own.
func (conn *rawConn) SetDeadline(time.Time) error { return nil }
func (conn *rawConn) Close() error                { return unix.Close(conn.fd) }

// dieSilently opens a connection as the sidecar's UID would, says "vanish" to the server and vanishes itself: the pod's
// connection tracking still takes the connection for established. It prints the address it had.
func dieSilently(args []string) error {
	// Of this thread only: the capability for TCP_REPAIR stays.
	runtime.LockOSThread()
	if _, _, errno := syscall.RawSyscall(unix.SYS_SETFSUID, sidecarUID, 0, 0); errno != 0 {
		return errno
	}
	conn, err := attempt{Address: args[0]}.connect()
	if err != nil {
		return err
	}
	address := conn.LocalAddr()
	fmt.Fprint(conn, "hello\n")
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		return err
	}
	fmt.Fprint(conn, "vanish\n")
	fmt.Println(address)
	// The server says when it is gone; then the test closes our input.
	untilInputEnds()
	vanish(conn)
	return nil
}
