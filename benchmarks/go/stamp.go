package main

import (
	"bytes"
	"strconv"
	"time"
)

// A frame's text is "@" and the time at which it left the provider, in nanoseconds, so that the load generator knows
// the delay of every frame. Provider and load run on one machine and share its clock.
const stampDigits = 19

func appendStamp(to []byte) []byte {
	return strconv.AppendInt(append(to, '@'), time.Now().UnixNano(), 10)
}

// stamps finds the stamps in an answer that arrives in pieces.
type stamps struct {
	value  int64
	digits int // of the stamp that is being read; -1 outside of a stamp
}

// scan calls found with the time of each stamp that is complete at the end of data.
func (s *stamps) scan(data []byte, found func(int64)) {
	for len(data) > 0 {
		if s.digits < 0 {
			at := bytes.IndexByte(data, '@')
			if at < 0 {
				return
			}
			data = data[at+1:]
			s.value, s.digits = 0, 0
			continue
		}
		digit := data[0] - '0'
		if digit > 9 {
			s.digits = -1 // an "@" of something else
			continue
		}
		s.value = 10*s.value + int64(digit)
		data = data[1:]
		if s.digits++; s.digits == stampDigits {
			found(s.value)
			s.digits = -1
		}
	}
}
