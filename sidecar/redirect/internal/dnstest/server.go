// Package dnstest is a DNS server for tests.
package dnstest

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

// Answer is what the server says to a name, whichever type it is asked for.
type Answer struct {
	Addresses []netip.Addr
	RCode     dnsmessage.RCode
	// Alias is put before the addresses as a CNAME.
	Alias string
	// Cut sets TC over UDP, so that the client must come back over TCP.
	Cut bool
	// Silent gives no answer.
	Silent bool
	// Forged sends answers to other questions first.
	Forged bool
}

// Server answers names, lower case and with their ending dot; others do not exist.
type Server struct {
	mutex   sync.Mutex
	answers map[string]Answer
	asked   []string
	packet  net.PacketConn
	stream  net.Listener
}

// Start listens at the address, UDP and TCP.
func Start(address string, answers map[string]Answer) (*Server, error) {
	stream, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	packet, err := net.ListenPacket("udp", stream.Addr().String())
	if err != nil {
		stream.Close()
		return nil, err
	}
	server := &Server{answers: answers, packet: packet, stream: stream}
	go server.servePackets()
	go server.serveStreams()
	return server, nil
}

// Address where the server listens.
func (server *Server) Address() string { return server.stream.Addr().String() }

// Close ends it.
func (server *Server) Close() {
	server.packet.Close()
	server.stream.Close()
}

// Asked gives every question so far, as "udp A name.".
func (server *Server) Asked() []string {
	server.mutex.Lock()
	defer server.mutex.Unlock()
	return append([]string(nil), server.asked...)
}

func (server *Server) servePackets() {
	query := make([]byte, 4096)
	for {
		length, from, err := server.packet.ReadFrom(query)
		if err != nil {
			return
		}
		for _, message := range server.respond("udp", query[:length]) {
			_, _ = server.packet.WriteTo(message, from)
		}
	}
}

func (server *Server) serveStreams() {
	for {
		conn, err := server.stream.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			var length [2]byte
			if _, err := io.ReadFull(conn, length[:]); err != nil {
				return
			}
			query := make([]byte, binary.BigEndian.Uint16(length[:]))
			if _, err := io.ReadFull(conn, query); err != nil {
				return
			}
			for _, message := range server.respond("tcp", query) {
				_, _ = conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...))
			}
		}()
	}
}

func (server *Server) respond(network string, query []byte) [][]byte {
	var parser dnsmessage.Parser
	header, err := parser.Start(query)
	if err != nil {
		return nil
	}
	question, err := parser.Question()
	if err != nil {
		return nil
	}
	name := strings.ToLower(question.Name.String())
	server.mutex.Lock()
	server.asked = append(server.asked, fmt.Sprintf("%s %s %s", network, strings.TrimPrefix(question.Type.String(), "Type"), name))
	answer, known := server.answers[name]
	server.mutex.Unlock()
	if !known {
		answer.RCode = dnsmessage.RCodeNameError
	}
	if answer.Silent {
		return nil
	}
	var messages [][]byte
	if answer.Forged {
		other := question
		other.Name = dnsmessage.MustNewName("other.test.")
		forged := Answer{Addresses: []netip.Addr{netip.MustParseAddr("6.6.6.6")}}
		messages = append(messages, []byte("x"), encode(header.ID+1, question, forged, false), encode(header.ID, other, forged, false))
	}
	return append(messages, encode(header.ID, question, answer, answer.Cut && network == "udp"))
}

func encode(id uint16, question dnsmessage.Question, answer Answer, cut bool) []byte {
	message := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, Response: true, RCode: answer.RCode, Truncated: cut, RecursionAvailable: true},
		Questions: []dnsmessage.Question{question},
	}
	owner := question.Name
	if answer.Alias != "" {
		alias := dnsmessage.MustNewName(answer.Alias)
		message.Answers = append(message.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: owner, Class: dnsmessage.ClassINET}, Body: &dnsmessage.CNAMEResource{CNAME: alias},
		})
		owner = alias
	}
	for _, address := range answer.Addresses {
		if cut {
			break
		}
		header := dnsmessage.ResourceHeader{Name: owner, Class: dnsmessage.ClassINET}
		switch {
		case address.Is4() && question.Type == dnsmessage.TypeA:
			message.Answers = append(message.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: address.As4()}})
		case address.Is6() && question.Type == dnsmessage.TypeAAAA:
			message.Answers = append(message.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: address.As16()}})
		}
	}
	packed, err := message.Pack()
	if err != nil {
		panic(err)
	}
	return packed
}
