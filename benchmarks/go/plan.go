package main

import (
	"bytes"
	"time"
)

// plan is what the prompt asks the provider for, in the words "frames=3 interval=10000 size=0 burst=64", which every
// proxy passes on. "change=1" behind them makes other fields than the text change with each frame, as with OpenAI.
type plan struct {
	frames   int
	interval time.Duration // between two frames; 0: as fast as they go
	size     int           // bytes that are added to the text of a frame
	burst    int           // frames of one write where there is no interval
	change   bool
}

var planWords = []struct {
	word string
	set  func(*plan, int)
}{
	{"frames=", func(p *plan, n int) { p.frames = n }},
	{"interval=", func(p *plan, n int) { p.interval = time.Duration(n) * time.Microsecond }},
	{"size=", func(p *plan, n int) { p.size = n }},
	{"burst=", func(p *plan, n int) { p.burst = max(1, n) }},
	{"change=", func(p *plan, n int) { p.change = n != 0 }},
}

func readPlan(body []byte) plan {
	asked := plan{frames: 1, burst: 1}
	at := bytes.Index(body, []byte(planWords[0].word))
	if at < 0 {
		return asked
	}
	rest := body[at:]
	for _, one := range planWords {
		if !bytes.HasPrefix(rest, []byte(one.word)) {
			break
		}
		rest = rest[len(one.word):]
		number := 0
		for len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9' {
			number = 10*number + int(rest[0]-'0')
			rest = rest[1:]
		}
		one.set(&asked, number)
		rest = bytes.TrimLeft(rest, " ")
	}
	return asked
}
