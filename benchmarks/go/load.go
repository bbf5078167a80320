package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// job is what a load generator is asked for.
type job struct {
	Port        int      `json:"port"`
	Requests    [][]byte `json:"requests"` // whole HTTP requests, sent in turn
	Frames      int      `json:"frames"`   // that each answer must have; 0: not looked at
	Connections int      `json:"connections"`
	Seconds     float64  `json:"seconds"`
	Least       int      `json:"least"` // requests, however long they take
	PatienceS   float64  `json:"patience_s"`

	// For answers that last longer than the measurement:
	IsEndless bool    `json:"is_endless"`
	GapS      float64 `json:"gap_s"`    // between the starts of two
	SettleS   float64 `json:"settle_s"` // from the start of the last to the measurement

	// For requests:
	IsFresh bool    `json:"is_fresh"` // a new connection for each
	EveryS  float64 `json:"every_s"`  // from the start of one to the start of the next; 0: at once
	IsCold  bool    `json:"is_cold"`  // no request before the measurement
}

// seen is what it saw. Times are in nanoseconds.
type seen struct {
	Problem  string `json:"problem"`
	Requests int    `json:"requests"`
	Frames   int64  `json:"frames"`
	WindowNs int64  `json:"window_ns"`
	Firsts   spread `json:"firsts"` // from a request to its first frame
	Wholes   spread `json:"wholes"` // from a request to the end of its answer
	Delays   spread `json:"delays"` // of frames, from provider to client
}

type spread struct {
	P50 int64 `json:"p50"`
	P99 int64 `json:"p99"`
	Max int64 `json:"max"`
}

func spreadOf(values []int64) spread {
	if len(values) == 0 {
		return spread{}
	}
	slices.Sort(values)
	at := func(share float64) int64 { return values[min(len(values)-1, int(share*float64(len(values))))] }
	return spread{at(0.5), at(0.99), values[len(values)-1]}
}

func seconds(value float64) time.Duration { return time.Duration(value * float64(time.Second)) }

// runJob says "begin" right before the measurement and "end" right behind it, and waits for a line each time, so that
// whoever asked can read the CPU time of the proxy at these moments.
func runJob(input io.Reader, output io.Writer) error {
	lines := bufio.NewReaderSize(input, 1<<20)
	asked, err := lines.ReadBytes('\n')
	if err != nil {
		return err
	}
	var work job
	if err := json.Unmarshal(asked, &work); err != nil {
		return err
	}
	say := func(word string) error {
		if _, err := fmt.Fprintln(output, word); err != nil {
			return err
		}
		_, err := lines.ReadString('\n')
		return err
	}
	clients := make([]*client, work.Connections)
	for index := range clients {
		clients[index] = newClient(work.Port)
	}
	run := work.loop
	if work.IsEndless {
		run = work.streams
	}
	result, err := run(clients, say)
	if err != nil {
		result = &seen{Problem: err.Error()}
	}
	return json.NewEncoder(output).Encode(result)
}

// loop keeps every client asking until the time is over.
func (work *job) loop(clients []*client, say func(string) error) (*seen, error) {
	over := make(chan error, len(clients))
	patience := time.After(seconds(work.PatienceS + work.Seconds))
	await := func() error {
		for range clients {
			select {
			case err := <-over:
				if err != nil {
					return err
				}
			case <-patience:
				return fmt.Errorf("not over after %.0f s", work.PatienceS+work.Seconds)
			}
		}
		return nil
	}
	if !work.IsCold {
		for index, one := range clients {
			go func() { over <- work.once(one, work.Requests[index%len(work.Requests)]) }()
		}
		if err := await(); err != nil {
			return nil, err
		}
	}
	if err := say("begin"); err != nil {
		return nil, err
	}
	var result seen
	var firsts, wholes []int64
	var lock sync.Mutex // of the three above, and of next
	next := 0
	start := time.Now()
	deadline := start.Add(seconds(work.Seconds))
	for _, one := range clients {
		one.total.Store(0)
		one.isNoted.Store(true)
		go func() {
			var problem error
			for problem == nil {
				lock.Lock()
				request := work.Requests[next%len(work.Requests)]
				next++
				lock.Unlock()
				problem = work.once(one, request)
				whole := time.Since(one.asked)
				lock.Lock()
				result.Requests++
				firsts = append(firsts, int64(one.first))
				wholes = append(wholes, int64(whole))
				isOver := !time.Now().Before(deadline) && next >= work.Least
				lock.Unlock()
				if isOver {
					break
				}
				if work.EveryS > 0 {
					time.Sleep(time.Until(one.asked.Add(seconds(work.EveryS))))
				}
			}
			over <- problem
		}()
	}
	if err := await(); err != nil {
		return nil, err
	}
	result.WindowNs = int64(time.Since(start))
	if err := say("end"); err != nil {
		return nil, err
	}
	var delays []int64
	for _, one := range clients {
		result.Frames += one.total.Load()
		delays = append(delays, one.delays...)
	}
	result.Firsts, result.Wholes, result.Delays = spreadOf(firsts), spreadOf(wholes), spreadOf(delays)
	return &result, nil
}

func (work *job) once(one *client, request []byte) error {
	if err := one.ask(request); err != nil {
		return err
	}
	if work.IsFresh {
		one.close()
	}
	if work.Frames > 0 && one.frames != work.Frames {
		return fmt.Errorf("an answer has %d frames instead of %d", one.frames, work.Frames)
	}
	return nil
}

// streams starts an endless answer for each client and counts what comes while all run.
func (work *job) streams(clients []*client, say func(string) error) (*seen, error) {
	over := make(chan error, len(clients))
	patience := time.Now().Add(seconds(work.PatienceS))
	next := time.Now()
	for index, one := range clients {
		go func() { over <- one.ask(work.Requests[index%len(work.Requests)]) }()
		next = next.Add(seconds(work.GapS))
		time.Sleep(time.Until(next))
	}
	pause := func(until time.Time) error {
		select {
		case err := <-over:
			return fmt.Errorf("a stream has ended: %v", err)
		case <-time.After(time.Until(until)):
			return nil
		}
	}
	for {
		begun := 0
		for _, one := range clients {
			if one.begun.Load() {
				begun++
			}
		}
		if begun == len(clients) {
			break
		}
		if time.Now().After(patience) {
			return nil, fmt.Errorf("only %d of %d streams began in %.0f s", begun, len(clients), work.PatienceS)
		}
		if err := pause(time.Now().Add(10 * time.Millisecond)); err != nil {
			return nil, err
		}
	}
	if err := pause(time.Now().Add(seconds(work.SettleS))); err != nil {
		return nil, err
	}
	if err := say("begin"); err != nil {
		return nil, err
	}
	var result seen
	for _, one := range clients {
		one.isNoted.Store(true)
		result.Frames -= one.total.Load()
	}
	start := time.Now()
	if err := pause(start.Add(seconds(work.Seconds))); err != nil {
		return nil, err
	}
	result.WindowNs = int64(time.Since(start))
	var firsts, delays []int64
	for _, one := range clients {
		one.isNoted.Store(false)
		result.Frames += one.total.Load()
	}
	if err := say("end"); err != nil {
		return nil, err
	}
	for _, one := range clients {
		one.hangUp()
	}
	for range clients {
		<-over
	}
	for _, one := range clients {
		firsts = append(firsts, int64(one.first))
		delays = append(delays, one.delays...)
	}
	result.Firsts, result.Delays = spreadOf(firsts), spreadOf(delays)
	result.Requests = len(clients)
	return &result, nil
}
