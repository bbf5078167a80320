package main

import (
	"container/heap"
	"errors"
	"math/rand"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// pacer sends the frames of all paced answers, each at its own time. Go's own timers fire at whole milliseconds when
// nothing else runs, which would send the frames of many streams together; a timerfd has no such grid.
type pacer struct {
	mutex   sync.Mutex
	timer   *os.File
	fd      int
	waiting paces
}

// pace is one answer under way.
type pace struct {
	due      time.Time
	interval time.Duration
	left     int
	maker    *maker
	last     []byte
	conn     net.Conn
	raw      syscall.RawConn // nil for TLS
	buffer   []byte
	sent     int
	problem  error
	try      func(fd uintptr) bool
	over     chan error
}

type paces []*pace

func (p paces) Len() int           { return len(p) }
func (p paces) Less(i, j int) bool { return p[i].due.Before(p[j].due) }
func (p paces) Swap(i, j int)      { p[i], p[j] = p[j], p[i] }
func (p *paces) Push(one any)      { *p = append(*p, one.(*pace)) }
func (p *paces) Pop() any {
	all := *p
	one := all[len(all)-1]
	*p = all[:len(all)-1]
	return one
}

const clockMonotonic = 1

func newPacer() (*pacer, error) {
	fd, _, failed := syscall.Syscall(syscall.SYS_TIMERFD_CREATE, clockMonotonic, syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if failed != 0 {
		return nil, os.NewSyscallError("timerfd_create", failed)
	}
	one := &pacer{fd: int(fd), timer: os.NewFile(fd, "timer")}
	go one.run()
	return one, nil
}

// send sends all frames of an answer; it returns when the last is sent, or when the client has gone.
func (p *pacer) send(conn net.Conn, of *maker, asked plan, last []byte) error {
	one := &pace{interval: asked.interval, left: asked.frames, maker: of, last: last, conn: conn, over: make(chan error, 1)}
	if plain, ok := conn.(*net.TCPConn); ok {
		raw, err := plain.SyscallConn()
		if err != nil {
			return err
		}
		one.raw = raw
		one.try = func(fd uintptr) bool {
			one.sent, one.problem = syscall.Write(int(fd), one.buffer)
			return true
		}
	}
	// Each answer has a phase of its own, so that frames of several do not leave together.
	one.due = time.Now().Add(time.Duration(rand.Float64() * float64(asked.interval)))
	p.mutex.Lock()
	heap.Push(&p.waiting, one)
	if p.waiting[0] == one {
		p.arm(one.due)
	}
	p.mutex.Unlock()
	return <-one.over
}

func (p *pacer) arm(due time.Time) {
	left := max(time.Until(due), time.Nanosecond)
	value := [2]syscall.Timespec{{}, syscall.NsecToTimespec(int64(left))}
	syscall.Syscall6(syscall.SYS_TIMERFD_SETTIME, uintptr(p.fd), 0, uintptr(unsafe.Pointer(&value)), 0, 0, 0)
}

func (p *pacer) run() {
	ticks := make([]byte, 8)
	for {
		if _, err := p.timer.Read(ticks); err != nil {
			return
		}
		p.mutex.Lock()
		for len(p.waiting) > 0 && !p.waiting[0].due.After(time.Now()) {
			p.step(p.waiting[0])
		}
		if len(p.waiting) > 0 {
			p.arm(p.waiting[0].due)
		}
		p.mutex.Unlock()
	}
}

var errSlow = errors.New("a reader that does not keep up is cut off")

// step sends the next frame of the answer that is due first.
func (p *pacer) step(one *pace) {
	one.left--
	one.buffer = one.maker.append(one.buffer[:0])
	if one.left == 0 {
		one.buffer = append(one.buffer, one.last...)
	}
	var err error
	if one.raw == nil {
		_, err = one.conn.Write(one.buffer)
	} else if err = one.raw.Write(one.try); err == nil {
		if err = one.problem; err == nil && one.sent < len(one.buffer) {
			err = errSlow
		}
	}
	if one.left == 0 || err != nil {
		heap.Pop(&p.waiting)
		one.over <- err
		return
	}
	one.due = one.due.Add(one.interval)
	heap.Fix(&p.waiting, 0)
}
