/* An answer in any dialect, whole or streamed, as the page shows it: text, thinking, tool calls, tokens, error.

`reader()` takes the text as it comes (`push`) and keeps what it has understood in `parts`. What it does not know it leaves
out; a line that is no JSON (a comment, a heartbeat, `[DONE]`) says nothing.
*/

const isObject = (value) => typeof value === "object" && value !== null;
/* A value as words, whatever it is: of an object whose toString is no function, String would throw. */
const words = (value) => (isObject(value) ? JSON.stringify(value) : String(value));
const LINE_END = /\r\n|\n|\r/;

export const emptyParts = () => ({ text: "", thinking: "", tools: [], tokens: null, model: "", error: "", finish: "" });

export function reader() {
  const parts = emptyParts();
  let pending = "";
  let isLines = null; // not known before the first line is there
  return {
    parts,
    push(text) {
      pending += text;
      isLines ??= isInLines(pending);
      if (!isLines) return;
      const lines = pending.split(LINE_END);
      pending = lines.pop();
      for (const line of lines) readLine(parts, line);
    },
    end() {
      readLine(parts, pending);
      pending = "";
      return parts;
    },
  };
}

/* Events and one JSON value a line come in lines; one JSON value alone is whole, even if it is laid out over many lines. */
function isInLines(text) {
  const begun = text.trimStart();
  if (!begun) return null;
  if (!begun.startsWith("{") && !begun.startsWith("[")) return true;
  const [first, ...others] = begun.split(LINE_END, 2);
  return others.length ? parsed(first) !== undefined : null;
}

/* The parts of a whole text. */
export function partsOf(text) {
  const one = reader();
  one.push(text);
  return one.end();
}

function readLine(parts, line) {
  const text = line.startsWith("data:") ? line.slice(5) : line;
  const event = parsed(text);
  if (isObject(event) && !Array.isArray(event)) for (const read of SHAPES) read(parts, event);
}

function parsed(text) {
  const trimmed = text.trim();
  if (!trimmed.startsWith("{")) return undefined;
  try {
    return JSON.parse(trimmed);
  } catch {
    return undefined;
  }
}

const SHAPES = [anyError, openai, anthropicEvent, responsesEvent, wholeContent, ollama, anyModel];

function anyError(parts, event) {
  const { error } = event;
  if (!error) return;
  parts.error = words(error.message ?? error);
}

function anyModel(parts, event) {
  const model = event.model ?? event.message?.model ?? event.response?.model;
  if (typeof model === "string") parts.model = model;
  const usage = event.usage ?? event.message?.usage ?? event.response?.usage;
  if (usage && typeof usage === "object") {
    count(parts, usage.prompt_tokens ?? usage.input_tokens, usage.completion_tokens ?? usage.output_tokens);
  }
}

function count(parts, prompt, completion) {
  const before = parts.tokens ?? { prompt: null, completion: null };
  parts.tokens = { prompt: number(prompt) ?? before.prompt, completion: number(completion) ?? before.completion };
}

function openai(parts, event) {
  const choice = Array.isArray(event.choices) ? event.choices[0] : null;
  if (!isObject(choice)) return;
  const said = choice.delta ?? choice.message ?? {};
  add(parts, "text", said.content ?? choice.text);
  add(parts, "text", said.refusal);
  add(parts, "thinking", said.reasoning_content ?? said.reasoning);
  for (const call of list(said.tool_calls).filter(isObject)) {
    const tool = toolAt(parts, call.index ?? call.id ?? parts.tools.length);
    add(tool, "name", call.function?.name);
    add(tool, "input", call.function?.arguments);
  }
  if (choice.finish_reason) parts.finish = words(choice.finish_reason);
}

function anthropicEvent(parts, { type, index, delta, content_block: block }) {
  if (type === "content_block_start" && block?.type === "tool_use") add(toolAt(parts, index), "name", block.name);
  if (type === "content_block_delta" && delta) {
    add(parts, "text", delta.text);
    add(parts, "thinking", delta.thinking);
    if (delta.partial_json !== undefined) add(toolAt(parts, index), "input", delta.partial_json);
  }
  if (type === "message_delta" && delta?.stop_reason) parts.finish = words(delta.stop_reason);
}

function responsesEvent(parts, { type, delta, output_index: index, item }) {
  if (type === "response.output_text.delta") add(parts, "text", delta);
  if (type === "response.reasoning_summary_text.delta" || type === "response.reasoning_text.delta") add(parts, "thinking", delta);
  if (type === "response.output_item.added" && item?.type === "function_call") add(toolAt(parts, index), "name", item.name);
  if (type === "response.function_call_arguments.delta") add(toolAt(parts, index), "input", delta);
}

/* A whole answer of Anthropic's (`content`) or of Responses (`output`). */
function wholeContent(parts, { type, content, output, stop_reason: stop }) {
  if (type !== undefined && type !== "message") return;
  const blocks = [...list(content), ...list(output).flatMap((item) => (item?.type === "message" ? list(item.content) : [item]))];
  for (const block of blocks) {
    if (!isObject(block)) continue;
    add(parts, "text", block.text);
    add(parts, "thinking", block.thinking);
    for (const summary of list(block.summary)) add(parts, "thinking", summary?.text);
    if (block.type === "tool_use") parts.tools.push({ at: block.id, name: words(block.name), input: JSON.stringify(block.input ?? {}) });
    if (block.type === "function_call") parts.tools.push({ at: block.id, name: words(block.name), input: words(block.arguments ?? "") });
  }
  if (stop) parts.finish = words(stop);
}

function ollama(parts, event) {
  if (typeof event.done !== "boolean") return;
  add(parts, "text", event.message?.content ?? event.response);
  add(parts, "thinking", event.message?.thinking ?? event.thinking);
  for (const call of list(event.message?.tool_calls).filter(isObject)) {
    parts.tools.push({ at: parts.tools.length, name: words(call.function?.name ?? ""), input: JSON.stringify(call.function?.arguments ?? {}) });
  }
  if (event.done) {
    parts.finish = words(event.done_reason ?? "stop");
    count(parts, event.prompt_eval_count, event.eval_count);
  }
}

function toolAt(parts, at) {
  const known = parts.tools.find((tool) => tool.at === at);
  if (known) return known;
  parts.tools.push({ at, name: "", input: "" });
  return parts.tools.at(-1);
}

const number = (value) => (typeof value === "number" ? value : null);
const list = (value) => (Array.isArray(value) ? value : []);

function add(target, field, value) {
  if (typeof value === "string") target[field] += value;
}
