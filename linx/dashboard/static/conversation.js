/* The conversation of the chat. It lives outside of the view, so that an answer goes on while another view is looked at; it is
   in memory only, and gone with the tab. */

import { emptyParts } from "./answer.js";
import { readAnswer } from "./reading.js";
import { recall, remember } from "./kept.js";

export function createConversation() {
  const listeners = new Set();
  const state = { model: recall("chat.model"), system: "", messages: [], running: null };
  const changed = () => listeners.forEach((listener) => listener());

  function set(fields) {
    Object.assign(state, fields);
    changed();
  }

  /* Replaces the last message by one with these fields. */
  function amend(answer, fields) {
    const next = { ...answer, ...fields };
    state.messages = state.messages.map((message) => (message.number === answer.number ? next : message));
    changed();
    return next;
  }

  return {
    state,
    set,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    choose(model) {
      remember("chat.model", model);
      set({ model });
    },
    begin() {
      state.running?.abort();
      set({ messages: [], running: null });
    },
    stop() {
      state.running?.abort();
    },
    ask(store, model, text, pictures) {
      add({ role: "user", text, pictures });
      return answer(store, model);
    },
    /* Asks again for the last answer, of a model that may be another. */
    again(store, model) {
      const last = state.messages.at(-1);
      if (state.running || last?.role !== "assistant") return undefined;
      state.messages = state.messages.slice(0, -1);
      return answer(store, model);
    },
  };

  function add(message) {
    const added = { number: (state.messages.at(-1)?.number ?? 0) + 1, ...message };
    set({ messages: [...state.messages, added] });
    return added;
  }

  async function answer(store, model) {
    const control = new AbortController();
    const body = { model, messages: sent(state), stream: true, stream_options: { include_usage: true } };
    let now = add({ role: "assistant", model, parts: emptyParts(), id: "", provider: "", isRunning: true, begun: performance.now(), firstMs: null, ms: null });
    set({ running: control });
    try {
      const response = await store.api("/v1/chat/completions", { method: "POST", body, signal: control.signal, raw: true });
      now = amend(now, { id: response.headers.get("x-request-id") ?? "", provider: response.headers.get("x-linx-provider") ?? "" });
      await readAnswer(response, (parts) => {
        const hasBegun = parts.text || parts.thinking || parts.tools.length;
        now = amend(now, { parts: { ...parts }, firstMs: now.firstMs ?? (hasBegun ? performance.now() - now.begun : null) });
      });
    } catch (error) {
      if (error.name === "AbortError") now = amend(now, { isStopped: true });
      else now = amend(now, { parts: { ...now.parts, error: error.message || "The answer broke off." } });
    }
    amend(now, { isRunning: false, ms: performance.now() - now.begun });
    if (state.running === control) set({ running: null });
  }
}

/* The messages as OpenAI's dialect has them. Answers that failed before a word are left out, with the question before them kept. */
export function sent({ system, messages }) {
  const told = messages
    .filter(({ role, parts }) => role === "user" || parts.text)
    .map(({ role, text, pictures, parts }) => ({ role, content: role === "user" ? content(text, pictures) : parts.text }));
  return system.trim() ? [{ role: "system", content: system }, ...told] : told;
}

function content(text, pictures) {
  if (!pictures.length) return text;
  const shown = pictures.map(({ url }) => ({ type: "image_url", image_url: { url } }));
  return text ? [{ type: "text", text }, ...shown] : shown;
}
