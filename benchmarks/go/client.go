package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// client is one connection, which has one request at a time.
type client struct {
	port    int
	conn    net.Conn
	answers answerReader
	stamps  stamps
	frames  int // of this answer
	asked   time.Time
	first   time.Duration // from the request to its first frame
	delays  []int64
	total   atomic.Int64 // frames of all answers
	begun   atomic.Bool  // the first frame of any answer has come
	isNoted atomic.Bool  // delays are kept
}

func newClient(port int) *client {
	one := &client{port: port}
	one.answers.reader = bufio.NewReaderSize(nil, 64<<10)
	one.answers.sink = one.see
	return one
}

func (c *client) see(data []byte) {
	var now int64
	c.stamps.scan(data, func(sent int64) {
		if now == 0 {
			now = time.Now().UnixNano()
		}
		if c.frames++; c.frames == 1 {
			c.first = time.Since(c.asked)
			c.begun.Store(true)
		}
		c.total.Add(1)
		if c.isNoted.Load() {
			c.delays = append(c.delays, now-sent)
		}
	})
}

// ask sends a request and reads its answer, over a new connection where there is none, or where the kept one turns out
// to be closed: a server may do that to an idle connection at any time, and every client asks again then.
func (c *client) ask(request []byte) error {
	c.frames, c.first, c.stamps.digits = 0, 0, -1
	c.asked = time.Now()
	isKept := c.conn != nil
	err := c.try(request)
	if isKept && errors.Is(err, errNoAnswer) {
		err = c.try(request)
	}
	return err
}

func (c *client) try(request []byte) error {
	if c.conn == nil {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", c.port))
		if err != nil {
			return err
		}
		c.conn = conn
		c.answers.reader.Reset(conn)
	}
	if _, err := c.conn.Write(request); err != nil {
		c.close()
		return fmt.Errorf("%w: %v", errNoAnswer, err)
	}
	err := c.answers.read()
	if err != nil || c.answers.isLast {
		c.close()
	}
	return err
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// hangUp ends the answer that another goroutine reads.
func (c *client) hangUp() {
	if conn := c.conn; conn != nil {
		conn.Close()
	}
}
