/* One request as a row: asked → served, who answers, its phases in time, its numbers, and the button that cancels it. */

import { html, useMemo } from "./vendor/preact-htm.module.js";
import { answerTokens, barShare, isRunning, lasted, pieces, placeOf, providerOf, reasonOf, tokenRate } from "./facts.js";
import { clock, count, dayAndClock, duration, money, NONE, rate } from "./format.js";
import { useRequest, useStore, useTick } from "./hooks.js";
import { Icon, Place } from "./icons.js";
import { hashOf } from "./route.js";

const TICK_S = 0.25;
const KEYLESS = new Set([undefined, null, "", "-"]);

export async function cancel(store, id) {
  try {
    await store.api(`/linx/requests/${encodeURIComponent(id)}/cancel`, { method: "POST" });
  } catch (error) {
    store.say(error.message);
  }
}

export function Row({ store, id }) {
  const request = useRequest(store, id);
  const isSelected = useStore(store, (state) => state.selected === id);
  const isOpen = useStore(store, (state) => state.route.id === id);
  const runs = Boolean(request) && isRunning(request);
  useTick(TICK_S, runs);
  const startedAt = request?.started_at ?? 0;
  const began = useMemo(() => ({ clock: clock(startedAt), day: dayAndClock(startedAt) }), [startedAt]);
  if (!request) return null;
  // The link is for the keyboard and for a tab of its own; a click anywhere else on the row opens it too.
  const open = (event) => event.target.closest("a, button") || store.open(id);
  const now = store.now();
  const provider = providerOf(request);
  const place = placeOf(request);
  return html`
    <li class="row" data-test="request" data-id=${id} data-phase=${request.phase} data-provider=${request.provider ?? provider} data-place=${place}
      data-selected=${isSelected || undefined} data-open=${isOpen || undefined} onClick=${open}>
      <span class="mark"><${Mark} phase=${request.phase} /></span>
      <time class="when" title=${began.day}>${began.clock}</time>
      <a class="names" href=${hashOf({ view: "requests", id })}><${Names} request=${request} /><span class="unseen">${restOf(request, provider)}</span></a>
      <span class="from"><${Place} place=${place} /><span class="provider-name">${provider || NONE}</span></span>
      <span class="phase"><${Bar} request=${request} now=${now} /><${Word} request=${request} /></span>
      <span class="num tokens" title="answer tokens">${count(answerTokens(request))}<span class="unit"> tok</span></span>
      <span class="num rate" title="tokens per second">${rate(tokenRate(request, now))}<span class="unit"> tok/s</span></span>
      <span class="num first" title="first token">${duration(request.first_token_ms)}</span>
      <span class="num time" title="total">${duration(lasted(request, now))}</span>
      <span class="num cost" title="cost">${request.local && !request.cost_usd ? html`<span class="faint">free</span>` : money(request.cost_usd)}</span>
      <span class="who"><span class="client">${KEYLESS.has(request.client) ? NONE : request.client}</span>${
        KEYLESS.has(request.key) ? null : html`<span class="key">${request.key}</span>`
      }</span>
      <span class="act">${runs && html`<button type="button" class="cancel" data-test="cancel" aria-label=${`Cancel ${request.model || id}`} title="Cancel (x)"
        onClick=${() => cancel(store, id)}><${Icon} name="cross" /></button>`}</span>
    </li>
  `;
}

const MARKS = { done: "check", failed: "cross" };

function Mark({ phase }) {
  if (MARKS[phase]) return html`<span class="mark-icon" data-phase=${phase}><${Icon} name=${MARKS[phase]} /></span>`;
  return html`<span class="pulse" data-phase=${phase} aria-hidden="true"></span>`;
}

function Names({ request }) {
  const { model, served_model: served } = request;
  if (!model) return html`<span class="asked path">${request.method} ${request.path}</span>`;
  if (!served || served === model) return html`<span class="asked">${model}</span>`;
  return html`<span class="asked">${model}</span><span class="arrow" aria-hidden="true">→</span><span class="served">${served}</span>`;
}

function Word({ request }) {
  if (request.phase === "done") return request.attempts?.length > 1 ? html`<span class="word">${request.attempts.length} tries</span>` : null;
  const text = request.phase === "failed" ? reasonOf(request) : request.phase === "queued" && request.queue ? `queued, #${request.queue}` : request.phase;
  return html`<span class="word" data-phase=${request.phase} title=${text}>${text}</span>`;
}

function Bar({ request, now }) {
  const width = `${(barShare(lasted(request, now)) * 100).toFixed(1)}%`;
  return html`<span class="bar-room" aria-hidden="true"><span class="phase-bar" style=${{ width }}>
    ${pieces(request, now).map(([kind, ms]) => html`<span class="piece" data-kind=${kind} style=${{ flexGrow: Math.max(ms, 1) }}></span>`)}
  </span></span>`;
}

/* What a screen reader adds to the names: the rest is beside them for the eye alone. */
function restOf(request, provider) {
  return `${provider ? ` at ${provider}` : ""}, ${request.phase === "failed" ? `failed: ${reasonOf(request)}` : request.phase}`;
}
