// Clients that hang up on streams, and the provider behind Linx that only waits for the end of its connections.
//
// Both are in one process, so that one clock stamps both ends of a hang-up: the client's close, and the end of file that
// the provider's read returns. Standard library only. The process prints the address of its provider, reads the address
// and the process id of Linx from its standard input, and prints what it has measured; what it prints is JSON, a line each.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

var (
	clients = flag.Int("clients", 50, "clients at one time")
	count   = flag.Int("count", 2000, "hang-ups; with -burst the number of bursts")
	frames  = flag.Int("frames", 3, "frames that a client reads before it leaves; 0: it leaves while the provider is silent")
	every   = flag.Duration("every", 20*time.Millisecond, "between two frames of a stream")
	pause   = flag.Duration("pause", 0, "between two requests of a client")
	burst   = flag.Bool("burst", false, "all clients open their streams, and then all leave in one instant")
)

const (
	patience = 20 * time.Second
	rest     = 300 * time.Millisecond
	tick     = 5 * time.Millisecond
)

// Hangup is when the client of a request closed its connection, and when the provider read the end of its own.
type Hangup struct {
	left  time.Time
	asked chan bool
	seen  chan time.Time
}

var (
	lock    sync.Mutex
	hangups = map[string]*Hangup{}
	name    = regexp.MustCompile(`hang-up \d+\.`)
)

func hangup(id string) *Hangup {
	lock.Lock()
	defer lock.Unlock()
	return hangups[id]
}

// --- the provider ---

func provide(connection net.Conn) {
	defer connection.Close()
	reader := bufio.NewReader(connection)
	for {
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		if request.Method == "GET" {
			list := `{"object":"list","data":[{"id":"m","object":"model"}]}`
			fmt.Fprintf(connection, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(list), list)
			continue
		}
		asked := hangup(string(name.Find(body)))
		if asked == nil {
			fmt.Fprint(connection, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
			continue
		}
		close(asked.asked)
		go stream(connection)
		connection.Read(make([]byte, 1)) // Linx sends nothing more: this returns when Linx has closed
		asked.seen <- time.Now()
		return
	}
}

func stream(connection net.Conn) {
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
	if _, err := io.WriteString(connection, head); err != nil || *frames == 0 {
		return
	}
	for number := 0; ; number++ {
		data := fmt.Sprintf(`data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"word%d "},"finish_reason":null}]}`+"\n\n", number)
		if _, err := fmt.Fprintf(connection, "%x\r\n%s\r\n", len(data), data); err != nil {
			return
		}
		time.Sleep(*every)
	}
}

// --- the clients ---

// open sends a request and reads as many frames as its client wants.
func open(linx, id string) (net.Conn, error) {
	connection, err := net.Dial("tcp", linx)
	if err != nil {
		return nil, err
	}
	body := fmt.Sprintf(`{"model":"m","stream":true,"messages":[{"role":"user","content":"%s"}]}`, id)
	fmt.Fprintf(connection, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	connection.SetReadDeadline(time.Now().Add(patience))
	reader := bufio.NewReader(connection)
	if *frames == 0 {
		select {
		case <-hangup(id).asked:
		case <-time.After(patience):
		}
		return connection, nil
	}
	for seen := 0; seen < *frames; {
		line, err := reader.ReadString('\n')
		if err != nil {
			connection.Close()
			return nil, err
		}
		if strings.HasPrefix(line, "data: ") && strings.Contains(line, `"content":"w`) {
			seen++
		}
	}
	return connection, nil
}

func leave(asked *Hangup, connection net.Conn, isReset bool) {
	if isReset {
		connection.(*net.TCPConn).SetLinger(0)
	}
	asked.left = time.Now()
	connection.Close()
}

func expect(id string) *Hangup {
	asked := &Hangup{asked: make(chan bool), seen: make(chan time.Time, 1)}
	lock.Lock()
	defer lock.Unlock()
	hangups[id] = asked
	return asked
}

// took is the time of a hang-up in microseconds; -1 where the provider saw nothing of it.
func (asked *Hangup) took() int64 {
	select {
	case at := <-asked.seen:
		return max(0, at.Sub(asked.left).Microseconds())
	case <-time.After(patience):
		return -1
	}
}

// result is what is printed. Stopped and Whole are Linx's CPU time for a burst: until the last provider had seen the end
// of its connection, and until nothing of the burst was left to do.
type result struct {
	Times   []int64 `json:"times_us"`
	Stopped []int64 `json:"stopped_us"`
	Whole   []int64 `json:"whole_us"`
	Failed  int     `json:"failed"`
	Seconds float64 `json:"seconds"`
	Cpu     int64   `json:"cpu_us"`
	Stall   int64   `json:"stall_us"`
}

// cpu is the CPU time that the process has used, all its threads together.
func cpu(pid int) int64 {
	var at syscall.Timespec
	clock := uintptr(^pid<<3 | 2)
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&at)), 0); errno != 0 {
		return 0
	}
	return at.Nano() / 1000
}

// watch notes in stall the longest time for which this program itself did not get its turn.
func watch(stall *int64) {
	for {
		due := time.Now().Add(tick)
		time.Sleep(tick)
		*stall = max(*stall, time.Since(due).Microseconds())
	}
}

func steadily(linx string, pid int) (found result) {
	var all sync.WaitGroup
	var guard sync.Mutex
	numbers := make(chan int)
	for worker := 0; worker < *clients; worker++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for number := range numbers {
				id := fmt.Sprintf("hang-up %d.", number)
				asked := expect(id)
				connection, err := open(linx, id)
				took := int64(-1)
				if err == nil {
					leave(asked, connection, number%2 == 0)
					took = asked.took()
				}
				guard.Lock()
				if took < 0 {
					found.Failed++
				} else {
					found.Times = append(found.Times, took)
				}
				guard.Unlock()
				time.Sleep(*pause)
			}
		}()
	}
	for number := 0; number < *count; number++ {
		numbers <- number
	}
	close(numbers)
	all.Wait()
	return
}

func inBursts(linx string, pid int) (found result) {
	for round := 0; round < *count; round++ {
		asked := make([]*Hangup, *clients)
		connections := make([]net.Conn, *clients)
		opening := make(chan struct{}, 8)
		var all sync.WaitGroup
		for number := range asked {
			id := fmt.Sprintf("hang-up %d.", round**clients+number)
			asked[number] = expect(id)
			all.Add(1)
			opening <- struct{}{}
			go func() {
				defer all.Done()
				connections[number], _ = open(linx, id)
				<-opening
			}()
		}
		all.Wait()
		time.Sleep(rest)
		before := cpu(pid)
		for number, connection := range connections {
			if connection != nil {
				leave(asked[number], connection, number%2 == 0)
			}
		}
		for number, one := range asked {
			took := int64(-1)
			if connections[number] != nil {
				took = one.took()
			}
			if took < 0 {
				found.Failed++
				continue
			}
			found.Times = append(found.Times, took)
		}
		found.Stopped = append(found.Stopped, cpu(pid)-before)
		time.Sleep(rest)
		found.Whole = append(found.Whole, cpu(pid)-before)
		time.Sleep(*pause)
	}
	return
}

func main() {
	flag.Parse()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go provide(connection)
		}
	}()
	said := json.NewEncoder(os.Stdout)
	said.Encode(listener.Addr().String())
	var linx string
	var pid int
	if _, err := fmt.Scan(&linx, &pid); err != nil {
		panic(err)
	}
	run := steadily
	if *burst {
		run = inBursts
	}
	var stall int64
	go watch(&stall)
	start, before := time.Now(), cpu(pid)
	found := run(linx, pid)
	found.Seconds, found.Cpu, found.Stall = time.Since(start).Seconds(), cpu(pid)-before, stall
	said.Encode(found)
}
