/* The models of every provider: which are loaded, with how much context and memory; unload one, pull another. */

import { html, useEffect, useRef, useState } from "./vendor/preact-htm.module.js";
import { chatWith } from "./chat.js";
import { count } from "./format.js";
import { useStore, useTick } from "./hooks.js";
import { Place } from "./icons.js";
import { useModels } from "./models_list.js";
import { pull } from "./pulling.js";

const LOOK_S = 10;
const FOR_EVER_S = 10 * 365 * 86_400; // Ollama's "until stopped" is a date far away

export function Models({ store }) {
  const providers = useStore(store, (state) => [...state.providers.values()]);
  const listed = useModels(store);
  const { loaded, problem, look } = useLoaded(store);
  const context = new Map(listed.map((model) => [`${model.provider} ${model.id}`, model.context]));
  const shown = providers.filter((provider) => provider.state !== "disabled");
  return html`<div class="models wide">
    <header class="view-head"><h1 class="view-title">Models</h1></header>
    <${Pull} store=${store} provider=${shown.find(({ kind }) => kind === "ollama")?.name} onDone=${look} />
    <p class="problem" role="alert">${problem}</p>
    ${!shown.length && html`<p class="soft nothing">No provider, no model.</p>`}
    ${shown.map((provider) => html`<${Provider} key=${provider.name} store=${store} provider=${provider} loaded=${loaded} context=${context} look=${look} />`)}
  </div>`;
}

/* What the providers have in memory, looked at now and then while the view is open. */
function useLoaded(store) {
  const [found, setFound] = useState({ loaded: new Map(), problem: "" });
  const again = useRef(0);
  async function look() {
    again.current += 1;
    const mine = again.current;
    try {
      const { models } = await store.api("/api/ps");
      if (mine === again.current) setFound({ loaded: new Map((Array.isArray(models) ? models : []).map((model) => [String(model.name ?? model.model), model])), problem: "" });
    } catch (error) {
      if (mine === again.current) setFound(({ loaded }) => ({ loaded, problem: error.message }));
    }
  }
  useEffect(() => {
    look();
    const timer = setInterval(() => document.hidden || look(), LOOK_S * 1000);
    return () => {
      clearInterval(timer);
      again.current += 1;
    };
  }, [store]);
  return { ...found, look };
}

function Provider({ store, provider, loaded, context, look }) {
  const { name, models = [], loaded: known = [], local, kind } = provider;
  useTick(LOOK_S);
  const inMemory = new Map(known.map((one) => [one.model, one]));
  const isLoaded = (model) => inMemory.has(model) || (local && loaded.has(model));
  const ordered = [...models.filter(isLoaded), ...models.filter((model) => !isLoaded(model))];
  return html`<section class="model-group" aria-label=${name}>
    <h2 class="column-title"><${Place} place=${local ? "local" : "paid"} /> ${name} <span class="faint">${models.length}</span></h2>
    ${!models.length && html`<p class="faint">${provider.last_error || "It has told of no model."}</p>`}
    <ul class="model-list">${ordered.map((model) => {
      const memory = loaded.get(model);
      const tokens = inMemory.get(model)?.context ?? memory?.context_length ?? context.get(`${name} ${model}`);
      return html`<li key=${model} class="model-row" data-test="model" data-name=${model} data-loaded=${String(isLoaded(model))}>
        <span class="dot" data-state=${isLoaded(model) ? "up" : "unknown"} aria-hidden="true"></span>
        <code class="model-name">${model}</code>
        <span class="soft model-state">${isLoaded(model) ? loadedWords(memory, store.now()) : ""}</span>
        <span class="num">${tokens ? `${count(tokens)} ctx` : ""}</span>
        <span class="model-acts">
          ${isLoaded(model) && local && kind === "ollama" && html`<${Unload} store=${store} model=${model} look=${look} />`}
          <a class="button small quiet" href="#/chat" onClick=${() => chatWith(model)} aria-label=${`Chat with ${model}`}>Chat</a>
        </span>
      </li>`;
    })}</ul>
  </section>`;
}

function loadedWords(memory, now) {
  const parts = ["loaded"];
  if (memory?.size_vram || memory?.size) parts.push(bytes(memory.size_vram || memory.size));
  const until = Date.parse(memory?.expires_at ?? "") / 1000;
  if (until > now && until - now < FOR_EVER_S) parts.push(`${leftWords(until - now)} more`);
  return parts.join(" · ");
}

const leftWords = (seconds) => (seconds < 7200 ? `${Math.ceil(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`);

function Unload({ store, model, look }) {
  const [isBusy, setBusy] = useState(false);
  async function unload() {
    setBusy(true);
    try {
      await store.api("/api/generate", { method: "POST", body: { model, keep_alive: 0, stream: false } });
      store.say(`${model} is unloaded.`);
    } catch (error) {
      store.say(error.message);
    }
    setBusy(false);
    look();
  }
  return html`<button type="button" class="button small" data-test="unload" disabled=${isBusy} aria-label=${`Unload ${model}`} onClick=${unload}>Unload</button>`;
}

/* Linx pulls to its first Ollama. */
function Pull({ store, provider, onDone }) {
  const [model, setModel] = useState("");
  const [state, setState] = useState(null);
  const running = useRef(null);
  useEffect(() => () => running.current?.abort(), []);
  async function begin(event) {
    event.preventDefault();
    const control = new AbortController();
    running.current = control;
    setState({ status: "is asked", done: 0, total: 0, isRunning: true });
    try {
      await pull(store, model.trim(), control.signal, (progress) => setState({ ...progress, isRunning: true }));
      setState({ status: `${model.trim()} is there.`, isRunning: false });
    } catch (error) {
      setState({ isRunning: false, status: "", problem: error.name === "AbortError" ? "Stopped; what has come is kept for the next time." : wordsOf(error) });
    }
    onDone();
  }
  if (!provider) return null;
  const share = state?.total ? state.done / state.total : null;
  // With keys, so that a click on stop is not the click on a button that has become pull meanwhile.
  return html`<form class="pull" onSubmit=${begin} aria-label="Pull a model">
    <label class="pull-name"><span class="unseen">Model to pull through Ollama</span><input data-test="pull-model" placeholder="qwen3:8b" spellcheck=${false} autocomplete="off" value=${model} onInput=${(event) => setModel(event.target.value)} /></label>
    ${state?.isRunning
      ? html`<button key="stop" type="button" class="button" data-test="pull-stop" onClick=${() => running.current.abort()}>Stop</button>`
      : html`<button key="pull" type="submit" class="button primary" data-test="pull" disabled=${!model.trim()}>Pull</button>`}
    ${!state && html`<span class="faint">to ${provider}</span>`}
    ${state?.isRunning && html`<progress max="1" value=${share ?? undefined} aria-label="Progress"></progress>`}
    ${state && html`<span class=${state.problem ? "problem" : "soft"} role=${state.problem ? "alert" : undefined} data-test="pull-state">${state.problem || state.status}${share != null && state.isRunning ? ` · ${bytes(state.done)} of ${bytes(state.total)}` : ""}</span>`}
  </form>`;
}

const FORBIDDEN = 403;
const wordsOf = (error) => (error.status === FORBIDDEN ? `Not allowed here: ${error.message}` : error.message);

function bytes(number) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = number > 0 ? Math.min(units.length - 1, Math.floor(Math.log10(number) / 3)) : 0;
  return `${(number / 1000 ** step).toFixed(step > 2 ? 1 : 0)} ${units[step]}`;
}
