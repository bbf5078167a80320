package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// shape is the form of an answer in one dialect. In its texts, MARK stands for the text of the answer, CREATED and
// MOMENT for the time, and NOISE for a field that differs with each frame.
type shape struct {
	contentType string
	first       []byte // before the frames, in HTTP chunks
	frame       string
	changing    string // a frame whose other fields change too
	last        []byte // behind the frames, in HTTP chunks, with the end of the answer
	lastUsage   []byte // the same for a client that asked for the usage
	whole       string // the answer to a request that asks for no stream
}

const (
	openaiHead  = `{"id":"chatcmpl-benchmark","object":"chat.completion.chunk","created":1700000000,"model":"bench-model","system_fingerprint":"fp_bench",`
	openaiFrame = openaiHead + `"choices":[{"index":0,"delta":{"content":"MARK"},"logprobs":null,"finish_reason":null}]}`
	usage       = `"usage":{"prompt_tokens":9,"completion_tokens":9,"total_tokens":18}`
	ollamaHead  = `{"model":"bench-model","created_at":"MOMENT",`
	ollamaEnd   = `"done":true,"done_reason":"stop","total_duration":1000000,"load_duration":1000,"prompt_eval_count":9,"prompt_eval_duration":1000,"eval_count":9,"eval_duration":1000}`
	ended       = "0\r\n\r\n"
)

func event(data string) string { return "data: " + data + "\n\n" }

func named(name, fields string) string {
	return "event: " + name + "\ndata: {\"type\":\"" + name + "\"" + fields + "}\n\n"
}

func chunks(parts ...string) string {
	var all strings.Builder
	for _, part := range parts {
		fmt.Fprintf(&all, "%x\r\n%s\r\n", len(part), part)
	}
	return all.String()
}

// ollamaShape is a shape of Ollama, of what its frames carry and of what its last one carries.
func ollamaShape(text, empty string) *shape {
	head := strings.Replace(ollamaHead, "MOMENT", "2026-01-01T00:00:00.000000Z", 1)
	frame := ollamaHead + text + "\"done\":false}\n"
	last := []byte(chunks(head+empty+ollamaEnd+"\n") + ended)
	return &shape{contentType: "application/x-ndjson", frame: frame, changing: frame, last: last, whole: head + text + ollamaEnd}
}

// The obfuscation field is OpenAI's: https://platform.openai.com/docs/api-reference/chat-streaming. Ollama's created_at
// is the time of each frame.
var shapes = map[string]*shape{
	"/v1/chat/completions": {
		contentType: "text/event-stream",
		first:       []byte(chunks(event(openaiHead + `"choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}`))),
		frame:       event(openaiFrame),
		changing:    event(strings.Replace(openaiFrame[:len(openaiFrame)-1], "1700000000", "CREATED", 1) + `,"obfuscation":"NOISE"}`),
		last:        []byte(chunks(event(openaiHead+`"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}`), event("[DONE]")) + ended),
		lastUsage: []byte(chunks(event(openaiHead+`"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}`),
			event(openaiHead+`"choices":[],`+usage+`}`), event("[DONE]")) + ended),
		whole: `{"id":"chatcmpl-benchmark","object":"chat.completion","created":1700000000,"model":"bench-model",` +
			`"choices":[{"index":0,"message":{"role":"assistant","content":"MARK"},"logprobs":null,"finish_reason":"stop"}],` + usage + `}`,
	},
	"/api/chat":     ollamaShape(`"message":{"role":"assistant","content":"MARK"},`, `"message":{"role":"assistant","content":""},`),
	"/api/generate": ollamaShape(`"response":"MARK",`, `"response":"",`),
	"/v1/messages": {
		contentType: "text/event-stream",
		first: []byte(chunks(named("message_start", `,"message":{"id":"msg_bench","type":"message","role":"assistant","model":"bench-model","content":[],`+
			`"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":1}}`) +
			named("content_block_start", `,"index":0,"content_block":{"type":"text","text":""}`) + named("ping", ""))),
		frame:    named("content_block_delta", `,"index":0,"delta":{"type":"text_delta","text":"MARK"}`),
		changing: named("content_block_delta", `,"index":0,"delta":{"type":"text_delta","text":"MARK"}`),
		last: []byte(chunks(named("content_block_stop", `,"index":0`)+
			named("message_delta", `,"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":9}`)+
			named("message_stop", "")) + ended),
		whole: `{"id":"msg_bench","type":"message","role":"assistant","model":"bench-model","content":[{"type":"text","text":"MARK"}],` +
			`"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":9}}`,
	},
}

// lists are the answers to what proxies ask a provider beside chats.
var lists = map[string]string{
	"/v1/models":   `{"object":"list","data":[{"id":"bench-model","object":"model","created":1,"owned_by":"bench"}],"has_more":false}`,
	"/api/tags":    `{"models":[{"name":"bench-model","model":"bench-model","size":1,"digest":"0","details":{"family":"llama"}}]}`,
	"/api/ps":      `{"models":[]}`,
	"/api/version": `{"version":"0.12.0"}`,
	"/api/show":    `{"details":{},"model_info":{},"capabilities":["completion"]}`,
	"/health":      `{"status":"ok"}`,
}

// cut is a frame in pieces: texts that stay, and between them what is filled in for each frame.
type cut struct {
	parts []string
	fills []string // the word behind each part but the last
}

func cutFrame(frame string) cut {
	var done cut
	for {
		at, found := -1, ""
		for _, word := range []string{"MARK", "CREATED", "MOMENT", "NOISE"} {
			if here := strings.Index(frame, word); here >= 0 && (at < 0 || here < at) {
				at, found = here, word
			}
		}
		if at < 0 {
			done.parts = append(done.parts, frame)
			break
		}
		done.parts = append(done.parts, frame[:at])
		done.fills = append(done.fills, found)
		frame = frame[at+len(found):]
	}
	return done
}

var (
	cuts    = map[*shape][2]cut{}
	padding = bytes.Repeat([]byte("x"), 16<<20)
	noise   = []byte("q7YbK2mXw9LsRt4VzC1dHe8PgN5uJa3Fo6Ti0Ek")
)

func init() {
	for _, one := range shapes {
		cuts[one] = [2]cut{cutFrame(one.frame), cutFrame(one.changing)}
		if one.lastUsage == nil {
			one.lastUsage = one.last
		}
	}
}

// maker writes frames of one answer.
type maker struct {
	cut     cut
	size    int
	number  int
	payload []byte
}

func newMaker(of *shape, asked plan) *maker {
	which := 0
	if asked.change {
		which = 1
	}
	return &maker{cut: cuts[of][which], size: min(asked.size, len(padding))}
}

// append adds the next frame, as an HTTP chunk.
func (m *maker) append(to []byte) []byte {
	out := m.payload[:0]
	m.number++
	for index, part := range m.cut.parts {
		out = append(out, part...)
		if index == len(m.cut.fills) {
			break
		}
		switch m.cut.fills[index] {
		case "MARK":
			out = append(appendStamp(out), padding[:m.size]...)
		case "CREATED":
			out = strconv.AppendInt(out, time.Now().Unix(), 10)
		case "MOMENT":
			out = time.Now().UTC().AppendFormat(out, "2006-01-02T15:04:05.000000Z")
		case "NOISE":
			from := m.number * 7 % 23
			out = append(out, noise[from:from+1+m.number*5%16]...)
		}
	}
	m.payload = out
	to = append(strconv.AppendInt(to, int64(len(out)), 16), "\r\n"...)
	return append(append(to, out...), "\r\n"...)
}
