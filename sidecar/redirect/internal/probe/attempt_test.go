package probe

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"sallyport.dev/redirect/internal/files"
)

var network = Network{Dial: (&net.Dialer{}).DialContext, Patience: 50 * time.Millisecond}

// listen plays a server that does this with each connection.
func listen(t *testing.T, serve func(conn *net.TCPConn)) netip.AddrPort {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(conn.(*net.TCPConn))
		}
	}()
	return netip.MustParseAddrPort(listener.Addr().String())
}

// question reads what the probe asks, and gives it.
func question(conn net.Conn) []byte {
	read := make([]byte, 8)
	_, _ = io.ReadFull(conn, read)
	return read
}

func TestTry(t *testing.T) {
	held := make(chan struct{})
	t.Cleanup(func() { close(held) })
	says := func(text string) func(conn *net.TCPConn) {
		return func(conn *net.TCPConn) {
			question(conn)
			_, _ = io.WriteString(conn, text)
			conn.Close()
		}
	}
	cases := []struct {
		name   string
		serve  func(conn *net.TCPConn)
		want   files.Outcome
		detail string
	}{
		{"the sidecar", says("sallyport"), files.Redirected, "leads to the sidecar"},
		{"the sidecar, one byte after the other", func(conn *net.TCPConn) {
			question(conn)
			for _, each := range []byte("sallyport") {
				_, _ = conn.Write([]byte{each})
			}
			conn.Close()
		}, files.Redirected, "leads to the sidecar"},
		{"a PostgreSQL server", says("E\x00\x00\x00\x40SFATAL\x00"), files.DirectPathOpen, "is answered by somebody else than the sidecar"},
		{"a server that speaks first", func(conn *net.TCPConn) {
			_, _ = io.WriteString(conn, "\x4a\x00\x00\x00\x0a8.4.0\x00")
			question(conn)
			conn.Close()
		}, files.DirectPathOpen, "is answered by somebody else than the sidecar"},
		{"half of the sidecar's answer", says("sally"), files.DirectPathOpen, "is answered by somebody else than the sidecar"},
		{"one that is silent", func(*net.TCPConn) { <-held }, files.DirectPathOpen, "is accepted by somebody who says nothing for 50ms"},
		{"one that closes", func(conn *net.TCPConn) { conn.Close() }, files.DirectPathOpen, "is accepted and closed by somebody else than the sidecar"},
		{"one that resets", func(conn *net.TCPConn) {
			question(conn)
			_ = conn.SetLinger(0)
			conn.Close()
		}, files.DirectPathOpen, "is accepted and closed by somebody else than the sidecar"},
	}
	for _, each := range cases {
		t.Run(each.name, func(t *testing.T) {
			found, err := network.try(context.Background(), listen(t, each.serve))
			if err != nil || found.outcome != each.want || found.detail != each.detail {
				t.Errorf("%+v %v", found, err)
			}
		})
	}
}

func TestTryAsksWhatTheSidecarKnows(t *testing.T) {
	asked := make(chan []byte, 1)
	endpoint := listen(t, func(conn *net.TCPConn) {
		asked <- question(conn)
		conn.Close()
	})
	if _, err := network.try(context.Background(), endpoint); err != nil {
		t.Fatal(err)
	}
	if found, want := <-asked, []byte{0, 0, 0, 8, 0x04, 0xd2, 0x61, 0x62}; !bytes.Equal(found, want) {
		t.Errorf("%x, wanted %x", found, want)
	}
}

func TestTryWithoutAConnection(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	endpoint := netip.MustParseAddrPort(closed.Addr().String())
	closed.Close()
	if found, err := network.try(context.Background(), endpoint); err != nil || found.outcome != files.Blocked || found.detail != "is closed: connection refused" {
		t.Errorf("%+v %v", found, err)
	}
	for _, each := range []struct {
		name   string
		err    error
		detail string
		// failure: the attempt proves nothing.
		failure bool
	}{
		{"nothing comes back", context.DeadlineExceeded, "does not answer", false},
		{"the kernel gave up", syscall.ETIMEDOUT, "is closed: connection timed out", false},
		{"no route, as without IPv6", syscall.ENETUNREACH, "is closed: network is unreachable", false},
		{"no source address, as without IPv6", syscall.EADDRNOTAVAIL, "is closed: cannot assign requested address", false},
		{"a firewall", syscall.EPERM, "is closed: operation not permitted", false},
		{"no file left in this process", syscall.EMFILE, "", true},
		{"no memory", syscall.ENOBUFS, "", true},
		{"a fault of the dialer", errors.New("odd"), "", true},
	} {
		t.Run(each.name, func(t *testing.T) {
			failing := Network{Patience: time.Second, Dial: func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Err: each.err}
			}}
			found, err := failing.try(context.Background(), endpoint)
			if (err != nil) != each.failure || !each.failure && (found.outcome != files.Blocked || found.detail != each.detail) {
				t.Errorf("%+v %v", found, err)
			}
		})
	}
}
