package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// provider answers as the prompt asks (see plan), in the dialect of the path (see shapes).
type provider struct {
	pacer *pacer
	mutex sync.Mutex
	busy  map[net.Conn]bool // connections with an answer under way
}

// provide listens until the process is ended. Its first line of output says where.
func provide(certificateFile string) error {
	secure, err := selfSigned(certificateFile)
	if err != nil {
		return err
	}
	pacer, err := newPacer()
	if err != nil {
		return err
	}
	serves := &provider{pacer: pacer, busy: map[net.Conn]bool{}}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	behindTLS, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "listening on %d and %d\n", plain.Addr().(*net.TCPAddr).Port, behindTLS.Addr().(*net.TCPAddr).Port)
	go serves.accept(tls.NewListener(behindTLS, secure))
	return serves.accept(plain)
}

func (p *provider) accept(listener net.Listener) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go p.serve(conn)
	}
}

func (p *provider) serve(conn net.Conn) {
	defer conn.Close()
	reader := bufio.NewReaderSize(conn, 64<<10)
	exchange := &exchange{conn: conn}
	for {
		if exchange.read(reader) != nil {
			return
		}
		p.mark(conn, true)
		err := p.answer(exchange)
		p.mark(conn, false)
		if err != nil || exchange.isLast {
			return
		}
	}
}

func (p *provider) mark(conn net.Conn, isBusy bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if isBusy {
		p.busy[conn] = true
	} else {
		delete(p.busy, conn)
	}
}

// reset ends all answers under way but this one, since the measurement that asked for them is over.
func (p *provider) reset(but net.Conn) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for conn := range p.busy {
		if conn != but {
			conn.Close()
		}
	}
}

// exchange is one request, and what its answer is written into.
type exchange struct {
	conn   net.Conn
	path   string
	body   []byte
	isLast bool // the client has asked for the end of the connection behind the answer
	out    []byte
}

var (
	nameLength     = []byte("content-length")
	nameEncoding   = []byte("transfer-encoding")
	nameConnection = []byte("connection")
	nameExpect     = []byte("expect")
)

// read reads a request: a body of a given length, or in chunks.
func (e *exchange) read(reader *bufio.Reader) error {
	line, err := readLine(reader)
	if err != nil {
		return err
	}
	words := bytes.SplitN(line, []byte(" "), 3)
	if len(words) != 3 {
		return fmt.Errorf("no request line: %q", line)
	}
	e.path = string(words[1])
	length, isChunked, isExpected := 0, false, false
	e.isLast = false
	for {
		line, err = readLine(reader)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, nameLength):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		case bytes.EqualFold(name, nameEncoding):
			isChunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, nameConnection):
			e.isLast = bytes.EqualFold(value, []byte("close"))
		case bytes.EqualFold(name, nameExpect):
			isExpected = true
		}
	}
	if isExpected {
		if _, err = io.WriteString(e.conn, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return err
		}
	}
	e.body = e.body[:0]
	if !isChunked {
		return e.take(reader, length)
	}
	for {
		if line, err = readLine(reader); err != nil {
			return err
		}
		digits, _, _ := bytes.Cut(line, []byte(";"))
		size, err := strconv.ParseUint(string(bytes.TrimSpace(digits)), 16, 31)
		if err != nil {
			return err
		}
		if size == 0 {
			break
		}
		if err = e.take(reader, int(size)); err != nil {
			return err
		}
		if _, err = reader.Discard(2); err != nil {
			return err
		}
	}
	for { // trailers
		if line, err = readLine(reader); err != nil || len(line) == 0 {
			return err
		}
	}
}

func (e *exchange) take(reader *bufio.Reader, length int) error {
	from := len(e.body)
	if from+length > cap(e.body) {
		e.body = append(make([]byte, 0, 2*(from+length)), e.body...)
	}
	e.body = e.body[:from+length]
	_, err := io.ReadFull(reader, e.body[from:])
	return err
}

func readLine(reader *bufio.Reader) ([]byte, error) {
	line, err := reader.ReadSlice('\n')
	return bytes.TrimRight(line, "\r\n"), err
}

// answer reads the request's body for its plan. A dialect streams unless "stream" says otherwise: OpenAI's and
// Anthropic's only where it is true, Ollama's always but where it is false.
func (p *provider) answer(e *exchange) error {
	path := plainPath(e.path)
	of := shapes[path]
	if of == nil {
		if path == "/reset" {
			p.reset(e.conn)
		}
		body, isKnown := lists[path]
		if !isKnown {
			body = "{}"
		}
		return e.whole("application/json", body)
	}
	asked := readPlan(e.body)
	isStream := asks(e.body, "stream", "true")
	if of.contentType == "application/x-ndjson" {
		isStream = !asks(e.body, "stream", "false")
	}
	if !isStream {
		time.Sleep(time.Duration(asked.frames) * asked.interval)
		text := make([]byte, 0, 64)
		for number := 0; number < asked.frames; number++ {
			text = append(appendStamp(text), padding[:min(asked.size, len(padding))]...)
		}
		return e.whole("application/json", string(bytes.Replace([]byte(of.whole), []byte("MARK"), text, 1)))
	}
	return p.stream(e, of, asked)
}

// plainPath is the path without a query, and without a number before it: "/7/v1/models" is "/v1/models", so that a proxy
// can take the provider for several.
func plainPath(path string) string {
	path, _, _ = strings.Cut(path, "?")
	if first, rest, found := strings.Cut(path[min(1, len(path)):], "/"); found {
		if _, err := strconv.Atoi(first); err == nil {
			return "/" + rest
		}
	}
	return path
}

// asks reports whether the body has this field, with or without a space.
func asks(body []byte, name, value string) bool {
	return bytes.Contains(body, []byte(`"`+name+`":`+value)) || bytes.Contains(body, []byte(`"`+name+`": `+value))
}

func (e *exchange) head(fields string) []byte {
	out := append(e.out[:0], "HTTP/1.1 200 OK\r\ndate: "...)
	out = time.Now().UTC().AppendFormat(out, "Mon, 02 Jan 2006 15:04:05 GMT")
	if e.isLast {
		out = append(out, "\r\nconnection: close"...)
	}
	return append(append(out, "\r\n"...), fields...)
}

func (e *exchange) whole(contentType, body string) error {
	e.out = append(e.head(fmt.Sprintf("content-type: %s\r\ncontent-length: %d\r\n\r\n", contentType, len(body))), body...)
	_, err := e.conn.Write(e.out)
	return err
}

func (p *provider) stream(e *exchange, of *shape, asked plan) error {
	last := of.last
	if asks(e.body, "include_usage", "true") {
		last = of.lastUsage
	}
	frames := newMaker(of, asked)
	e.out = append(e.head("content-type: "+of.contentType+"\r\ntransfer-encoding: chunked\r\n\r\n"), of.first...)
	if asked.interval > 0 {
		if _, err := e.conn.Write(e.out); err != nil {
			return err
		}
		return p.pacer.send(e.conn, frames, asked, last)
	}
	for left := asked.frames; ; e.out = e.out[:0] {
		for number := 0; number < asked.burst && left > 0; number++ {
			e.out = frames.append(e.out)
			left--
		}
		if left == 0 {
			e.out = append(e.out, last...)
		}
		if _, err := e.conn.Write(e.out); err != nil || left == 0 {
			return err
		}
	}
}
