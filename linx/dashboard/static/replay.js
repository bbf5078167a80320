/* The same request asked again of another model: its answer streams in beside the old one. */

import { html, useEffect, useMemo, useRef, useState } from "./vendor/preact-htm.module.js";
import { emptyParts, partsOf } from "./answer.js";
import { answerTokens, lasted } from "./facts.js";
import { count, duration, money } from "./format.js";
import { useRequest } from "./hooks.js";
import { Place } from "./icons.js";
import { readAnswer } from "./reading.js";
import { hashOf } from "./route.js";
import { Said } from "./said.js";

/* The state of one replay: {model, id, parts, isRunning, start(model), stop()}; null before the first. */
export function useReplay(store, id) {
  const [replay, setReplay] = useState(null);
  const running = useRef(null);
  useEffect(() => () => running.current?.abort(), [id]);

  async function start(model) {
    running.current?.abort();
    const control = new AbortController();
    running.current = control;
    let now = { model, id: "", parts: emptyParts(), isRunning: true };
    const tell = (changes) => {
      now = { ...now, ...changes };
      if (running.current === control) setReplay(now);
    };
    tell({});
    try {
      const response = await store.api(`/linx/requests/${encodeURIComponent(id)}/replay`, { method: "POST", body: { model }, signal: control.signal, raw: true });
      tell({ id: response.headers.get("x-request-id") ?? "" });
      await readAnswer(response, (parts) => tell({ parts: { ...parts } }));
    } catch (error) {
      const wasStopped = error.name === "AbortError";
      tell({ parts: { ...now.parts, error: wasStopped ? "Stopped." : error.message } });
    }
    tell({ isRunning: false });
  }
  return { replay, start, stop: () => running.current?.abort() };
}

export function SideBySide({ store, request, answer, replay, stop }) {
  const old = useMemo(() => (answer ? partsOf(answer.body ?? "") : null), [answer]);
  return html`<section class="part pair" data-test="replay-pair" aria-label="The old answer and the new one">
    <article class="side" data-test="replay-old" aria-label="The old answer">
      <h3 class="side-title">${request.served_model || request.model || "the old answer"}</h3>
      <${Facts} store=${store} request=${request} />
      ${old ? html`<${Said} parts=${old} />` : html`<p class="faint">The old answer is not kept.</p>`}
    </article>
    <article class="side" data-test="replay-new" aria-label="The new answer">
      <h3 class="side-title">${replay.model}${replay.isRunning && html` <button type="button" class="button small" data-test="replay-stop" onClick=${stop}>Stop</button>`}</h3>
      <${NewFacts} store=${store} replay=${replay} />
      <${Said} parts=${replay.parts} isRunning=${replay.isRunning} />
      ${replay.isRunning && !replay.parts.text && !replay.parts.thinking && html`<p class="faint">is asked…</p>`}
    </article>
  </section>`;
}

function NewFacts({ store, replay }) {
  const request = useRequest(store, replay.id);
  if (!request) return html`<p class="side-facts">${replay.id && html`<a href=${hashOf({ view: "requests", id: replay.id })}>its request</a>`}</p>`;
  return html`<${Facts} store=${store} request=${request} isLinked />`;
}

function Facts({ store, request, isLinked }) {
  const { local } = request;
  return html`<p class="side-facts">
    ${local != null && html`<${Place} place=${local ? "local" : "paid"} />`} ${request.provider}
    <span>${duration(lasted(request, store.now()))}</span> <span>${count(answerTokens(request))} tok</span>
    <span>${local && !request.cost_usd ? "free" : money(request.cost_usd)}</span>
    ${isLinked && html`<a href=${hashOf({ view: "requests", id: request.id })}>open</a>`}
  </p>`;
}
