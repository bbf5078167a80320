package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// answerReader reads answers, whether their length is given, or they come in chunks, or they end with the connection.
// Whatever has arrived of a body is given to sink at once.
type answerReader struct {
	reader *bufio.Reader
	sink   func([]byte)
	isLast bool // the connection ends behind this answer
	words  []byte
}

var (
	errBroken   = errors.New("the answer breaks off")
	errNoAnswer = errors.New("no answer")
)

const (
	untilEnd = -1
	inChunks = -2
)

// read reads one answer. An answer whose status is not 200 is an error that has the first bytes of its body.
func (a *answerReader) read() error {
	status, length, err := a.head()
	for err == nil && status >= 100 && status < 200 {
		status, length, err = a.head()
	}
	if err != nil {
		return err
	}
	if status != 200 {
		a.words = a.words[:0]
		before := a.sink
		a.sink = func(data []byte) { a.words = append(a.words, data[:min(len(data), 300-min(300, len(a.words)))]...) }
		err := a.body(length)
		a.sink = before
		return fmt.Errorf("status %d: %s (%v)", status, a.words, err)
	}
	return a.body(length)
}

func (a *answerReader) head() (status, length int, err error) {
	if _, err := a.reader.Peek(1); err != nil {
		return 0, 0, fmt.Errorf("%w: %v", errNoAnswer, err)
	}
	line, err := readLine(a.reader)
	if err != nil {
		return 0, 0, errBroken
	}
	if len(line) < 12 {
		return 0, 0, fmt.Errorf("no status line: %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, 0, err
	}
	length, a.isLast = untilEnd, false
	for {
		if line, err = readLine(a.reader); err != nil {
			return 0, 0, err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, nameLength):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, 0, err
			}
		case bytes.EqualFold(name, nameEncoding):
			length = inChunks
		case bytes.EqualFold(name, nameConnection):
			a.isLast = bytes.EqualFold(value, []byte("close"))
		}
	}
	if status < 200 {
		length = 0
	}
	a.isLast = a.isLast || length == untilEnd
	return status, length, nil
}

func (a *answerReader) body(length int) error {
	switch length {
	case untilEnd:
		err := a.take(1 << 62)
		if errors.Is(err, errBroken) {
			return nil
		}
		return err
	case inChunks:
		return a.chunked()
	}
	return a.take(length)
}

func (a *answerReader) chunked() error {
	for {
		line, err := readLine(a.reader)
		if err != nil {
			return errBroken
		}
		digits, _, _ := bytes.Cut(line, []byte(";"))
		size, err := strconv.ParseUint(string(bytes.TrimSpace(digits)), 16, 31)
		if err != nil {
			return err
		}
		if size == 0 {
			break
		}
		if err := a.take(int(size)); err != nil {
			return err
		}
		if _, err := a.reader.Discard(2); err != nil {
			return errBroken
		}
	}
	for { // trailers
		line, err := readLine(a.reader)
		if err != nil {
			return errBroken
		}
		if len(line) == 0 {
			return nil
		}
	}
}

// take gives length bytes to the sink, as they arrive.
func (a *answerReader) take(length int) error {
	for length > 0 {
		if a.reader.Buffered() == 0 {
			if _, err := a.reader.Peek(1); err != nil {
				if err == io.EOF {
					return errBroken
				}
				return err
			}
		}
		data, _ := a.reader.Peek(min(length, a.reader.Buffered()))
		a.sink(data)
		_, _ = a.reader.Discard(len(data))
		length -= len(data)
	}
	return nil
}
