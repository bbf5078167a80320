/* The opened request: who was asked and why each ended, its times, its bodies, and what can be done with it. */

import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./vendor/preact-htm.module.js";
import { Bodies } from "./bodies.js";
import { CopyButton, copyText } from "./copy.js";
import { curlOf } from "./curl.js";
import { answerTokens, isRunning, lasted, reasonOf, tokenRate } from "./facts.js";
import { count, dayAndClock, duration, money, NONE, rate } from "./format.js";
import { useRequest, useStore, useTick } from "./hooks.js";
import { Icon } from "./icons.js";
import { Lanes } from "./lanes.js";
import { ModelSelect } from "./models_list.js";
import { SideBySide, useReplay } from "./replay.js";
import { hashOf } from "./route.js";
import { cancel } from "./row.js";

const TICK_S = 0.25;
const LOOK_S = 1; // between two looks at the answer of a request that runs
const NOT_FOUND = 404;

export function Detail({ store }) {
  const id = useStore(store, (state) => state.route.id);
  return html`<${Opened} key=${id} store=${store} id=${id} />`;
}

/* The request with its bodies, asked for again while it runs, when a provider has been asked, and when it ends. */
function useDetails(store, id, request) {
  const [found, setFound] = useState({ details: null, problem: "", isUnknown: false });
  const isLoaded = useStore(store, (state) => state.isLoaded);
  const runs = Boolean(request) && isRunning(request);
  const step = request?.attempts?.filter((attempt) => attempt.asked_ms != null).length ?? 0;
  useEffect(() => {
    if (!isLoaded) return undefined;
    const control = new AbortController();
    const look = () =>
      store.api(`/linx/requests/${encodeURIComponent(id)}`, { signal: control.signal }).then(
        (details) => setFound(({ details: before }) => ({ details: kept(before, details), problem: "", isUnknown: false })),
        (error) => error.name === "AbortError" || setFound(({ details }) => ({ details, problem: error.message, isUnknown: error.status === NOT_FOUND })),
      );
    look();
    const timer = runs && setInterval(() => document.hidden || look(), LOOK_S * 1000);
    return () => {
      clearInterval(timer);
      control.abort();
    };
  }, [store, id, step, runs, isLoaded]);
  return found;
}

/* The new details with those bodies of the old ones that are the same, so that nothing is laid out and compared again. */
function kept(before, details) {
  if (!before) return details;
  const same = (old, now) => (old && now && old.body === now.body && old.truncated === now.truncated ? old : now);
  return {
    ...details,
    client_request: same(before.client_request, details.client_request),
    provider_requests: details.provider_requests?.map((now, at) => same(before.provider_requests?.[at], now)),
    answer: same(before.answer, details.answer),
  };
}

function Opened({ store, id }) {
  const live = useRequest(store, id);
  const { details, problem, isUnknown } = useDetails(store, id, live);
  // A link may lead to a request that is older than the list: then what was asked for is all there is.
  const request = live ?? (details?.id ? details : null);
  const runs = Boolean(request) && isRunning(request);
  useTick(TICK_S, runs);
  const { replay, start, stop } = useReplay(store, id);
  const root = useFocus(id);
  return html`<section class="detail" data-test="request-detail" data-id=${id} tabindex="-1" ref=${root} aria-label=${`Request ${id}`}>
    <${Head} store=${store} id=${id} request=${request} />
    ${request
      ? html`
          <${Actions} store=${store} request=${request} details=${details} runs=${runs} start=${start} />
          ${replay && html`<${SideBySide} store=${store} request=${request} answer=${details?.answer} replay=${replay} stop=${stop} />`}
          <${Numbers} request=${request} now=${store.now()} />
          <${Lanes} request=${request} now=${store.now()} />
          <${Bodies} store=${store} request=${request} details=${details} problem=${problem} />`
      : html`<p class="part ${problem ? "soft" : "faint"}" role=${problem ? "alert" : undefined}>${isUnknown ? "Linx has this request no more: it keeps the last 500, in memory." : problem || "…"}</p>`}
  </section>`;
}

/* The focus goes to the request that was opened by a key or a click on its row, and back to the row in the end. At once:
   an effect after the next paint would never have run where the request is closed before it. */
function useFocus(id) {
  const root = useRef(null);
  useLayoutEffect(() => {
    const opened = root.current;
    if (!opened.contains(document.activeElement)) opened.focus({ preventScroll: true });
    return () => {
      if (opened.contains(document.activeElement) || document.activeElement === document.body) {
        document.querySelector(`[data-test="request"][data-id="${CSS.escape(id)}"] a`)?.focus({ preventScroll: true });
      }
    };
  }, [id]);
  return root;
}

function Head({ store, id, request }) {
  const link = `${location.origin}${location.pathname}${hashOf({ view: "requests", id })}`;
  const { model, served_model: served } = request ?? {};
  return html`<header class="detail-head">
    <h2 class="detail-title">${request ? model || `${request.method} ${request.path}` : "A request"}${served && served !== model && html`<span class="arrow" aria-label="answered by">→</span><span class="served">${served}</span>`}</h2>
    <button type="button" class="button quiet close" data-test="close" aria-label="Close" title="Close (Esc)" onClick=${() => store.close()}><${Icon} name="cross" /></button>
    <p class="detail-line">
      ${request && html`<span class="state-word" data-phase=${request.phase}>${request.phase === "failed" ? `failed: ${reasonOf(request)}` : request.phase}${request.status ? ` · ${request.status}` : ""}</span>
        <span>${dayAndClock(request.started_at)}</span>
        ${[request.client, request.key].filter((name) => name && name !== "-").map((name) => html`<span key=${name}>${name}</span>`)}
        <span>${request.path}</span>
        ${request.replay_of && html`<a href=${hashOf({ view: "requests", id: request.replay_of })}>a replay</a>`}`}
      <${CopyButton} text=${link} label="Copy a link to this request" data-test="copy-link"><code>${id}</code><//>
    </p>
  </header>`;
}

function Actions({ store, request, details, runs, start }) {
  const intent = useStore(store, (state) => state.intent);
  const [model, setModel] = useState(request.model ?? "");
  const select = useRef(null);
  const sent = details?.client_request;
  const mayReplay = Boolean(sent) && !sent.truncated && request.has_body !== false;
  const command = useMemo(() => sent && curlOf(store.state.address, request, sent, Boolean(store.state.key)), [sent]);
  useEffect(() => {
    if (intent === "replay") select.current.querySelector("select").focus();
    else if (intent !== "curl" || !command) return;
    else copyText(command).then(() => store.say("Copied."));
    store.set({ intent: null });
  }, [intent, command]);
  return html`<div class="actions part">
    <div class="replay-choice" ref=${select}>
      <label><span class="unseen">Replay on</span><${ModelSelect} store=${store} value=${model} onChange=${setModel} first=${request.model ?? ""} data-test="replay-model" /></label>
      <button type="button" class="button primary" data-test="replay" disabled=${!mayReplay || !model} onClick=${() => start(model)} title=${mayReplay ? "Ask this model the same (r)" : "The request is not kept whole"}>Replay</button>
    </div>
    <span class="gap"></span>
    ${sent && html`<${CopyButton} text=${command} label="Copy as curl" data-test="copy-curl"><span>curl</span><//>`}
    ${runs && html`<button type="button" class="button stop" data-test="detail-cancel" onClick=${() => cancel(store, request.id)} title="Cancel (x)"><${Icon} name="cross" />Cancel</button>`}
  </div>`;
}

function Numbers({ request, now }) {
  const { tokens } = request;
  const rows = [
    ["first token", duration(request.first_token_ms)],
    ["total", duration(lasted(request, now))],
    ["prompt", tokens ? `${count(tokens.prompt)}${tokens.cached ? ` (${count(tokens.cached)} cached)` : ""}` : NONE],
    ["answer", `${count(answerTokens(request))} tok`],
    ["rate", `${rate(tokenRate(request, now))} tok/s`],
    ["cost", request.local && !request.cost_usd ? "free" : money(request.cost_usd)],
    ["saved", request.saved_usd ? money(request.saved_usd) : ""],
    ["sent", request.bytes ? `${count(request.bytes)} B` : ""],
    ["place", request.queue ? `#${request.queue}` : ""],
  ];
  return html`<dl class="numbers part" data-test="timings">${rows.filter(([, value]) => value && !value.startsWith(NONE)).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}
