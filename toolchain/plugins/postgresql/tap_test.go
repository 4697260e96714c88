package postgresql_test

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
)

// tap passes everything on to a server and remembers what was sent to it.
type tap struct {
	host, port string
	mu         sync.Mutex
	bytes      bytes.Buffer
}

func tapTo(t *testing.T, server string) *tap {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	tap := &tap{}
	tap.host, tap.port, _ = net.SplitHostPort(listener.Addr().String())
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				_ = client.Close()
				continue
			}
			go func() { _, _ = io.Copy(io.MultiWriter(upstream, tap), client); _ = upstream.Close() }()
			go func() { _, _ = io.Copy(client, upstream); _ = client.Close() }()
		}
	}()
	return tap
}

func (t *tap) Write(chunk []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bytes.Write(chunk)
}

func (t *tap) sent() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bytes.String()
}
