package lab

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// serve plays a server: LABEL, then NETWORK:ADDRESS for each listener. To each line it answers who it is and where it was
// reached; each connection, datagram and end of a connection is a line of its output.
func serve(args []string) error {
	var out sync.Mutex
	say := func(format string, values ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Printf(format+"\n", values...)
	}
	for _, arg := range args[1:] {
		network, address, _ := strings.Cut(arg, ":")
		if strings.HasPrefix(network, "udp") {
			conn, err := net.ListenPacket(network, address)
			if err != nil {
				return err
			}
			go servePackets(conn, args[0], say)
			continue
		}
		listener, err := net.Listen(network, address)
		if err != nil {
			return err
		}
		go serveStreams(listener, args[0], say)
	}
	say("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		mayReadOn <- struct{}{}
	}
	return nil
}

func serveStreams(listener net.Listener, label string, say func(string, ...any)) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		say("tcp %s", conn.LocalAddr())
		go serveStream(conn, label, say)
	}
}

func serveStream(conn net.Conn, label string, say func(string, ...any)) {
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for {
		first, err := reader.Peek(1)
		if err != nil {
			say("end of %s: %v", conn.RemoteAddr(), err)
			return
		}
		// The question of the probe begins with the length of a packet.
		if first[0] == 0 && label == "sidecar" {
			fmt.Fprint(conn, "sallyport")
			return
		}
		if first[0] == 0 {
			fmt.Fprintf(conn, "E%s does not know this protocol", label)
			return
		}
		line, err := reader.ReadString('\n')
		if err != nil {
			say("end of %s: %v", conn.RemoteAddr(), err)
			return
		}
		if line == "hold\n" {
			readOn(conn, say)
			return
		}
		if line == "vanish\n" {
			vanish(conn)
			say("vanished")
			return
		}
		fmt.Fprintf(conn, "%s %s\n", label, conn.LocalAddr())
	}
}

// mayReadOn has one entry for each line of the server's input.
var mayReadOn = make(chan struct{}, 8)

// readOn waits for a line of the input, and reads what has come by then and what still comes.
func readOn(conn net.Conn, say func(string, ...any)) {
	<-mayReadOn
	_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	_, err := io.Copy(io.Discard, conn)
	if err == nil {
		say("end of %s: all of it", conn.RemoteAddr())
	} else {
		say("end of %s: %v", conn.RemoteAddr(), err)
	}
}

func servePackets(conn net.PacketConn, label string, say func(string, ...any)) {
	packet := make([]byte, 2048)
	for {
		length, from, err := conn.ReadFrom(packet)
		if err != nil {
			return
		}
		say("udp %s %q", conn.LocalAddr(), packet[:length])
		_, _ = conn.WriteTo([]byte(fmt.Sprintf("%s %s\n", label, conn.LocalAddr())), from)
	}
}

// vanish ends a connection without a word to the other side, as the loss of the machine would.
func vanish(conn net.Conn) {
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err == nil {
		_ = raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_REPAIR, 1) })
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "TCP_REPAIR:", err)
		os.Exit(1)
	}
	conn.Close()
}
