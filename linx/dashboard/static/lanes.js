/* Who was asked for a request: each attempt as a lane in time, with the reason of its end and what was adapted for it; and
   who was not asked, and why. */

import { html } from "./vendor/preact-htm.module.js";
import { lasted } from "./facts.js";
import { axisDuration, duration } from "./format.js";
import { Place } from "./icons.js";

/* What an attempt's outcome means, in the words of x-linx-attempts. One that is not here is shown as it is. */
const MEANINGS = {
  ok: "answered",
  lost: "another was faster",
  cancelled: "stopped, as the client left",
  connect_failed: "no connection",
  dns: "its name is not known",
  tls: "no safe connection",
  timeout: "took too long",
  reset: "broke off",
  empty: "an empty answer",
  not_local: "is not on your machines",
  bad_response: "an answer that says nothing",
  error_event: "broke off with an error",
};
const GOOD = new Set(["ok"]);
const NEUTRAL = new Set(["lost", "cancelled"]);

export function meaningOf({ outcome, first_ms: first }, attempts) {
  // An attempt that was under way when its request ended is "lost" as well, and nobody was faster.
  if (outcome === "lost" && (first != null || attempts.every((attempt) => attempt.first_ms == null))) return "stopped with its request";
  if (Object.hasOwn(MEANINGS, outcome)) return MEANINGS[outcome];
  return outcome.replace(/^not_asked\((.*)\)$/s, "not asked: $1").replace(/^http_/, "HTTP ").replaceAll("_", " ");
}

export function Lanes({ request, now }) {
  const { attempts = [], not_asked: notAsked = [] } = request;
  const total = Math.max(1, lasted(request, now), ...attempts.map((attempt) => attempt.ended_ms ?? 0));
  return html`<section class="part" aria-labelledby="asked-title" data-test="lanes">
    <h3 id="asked-title" class="column-title">Who was asked</h3>
    ${!attempts.length && !notAsked.length && html`<p class="faint">Nobody: Linx answered by itself.</p>`}
    ${attempts.length > 0 && html`<ol class="lanes">${attempts.map((attempt, index) => html`<${Lane} key=${index} attempt=${attempt} attempts=${attempts} total=${total} isRunning=${request.duration_ms == null} />`)}</ol>
      <p class="axis" aria-hidden="true"><span>0</span><span>${axisDuration(total / 2)}</span><span>${axisDuration(total)}</span></p>`}
    ${notAsked.length > 0 && html`<ul class="not-asked">${notAsked.map(({ provider, reason }) => html`<li key=${provider} class="lane-head" data-test="not-asked">
      <span class="lane-provider">${provider}</span><span class="gap"></span><span class="lane-reason">not asked: ${reason}</span></li>`)}</ul>`}
  </section>`;
}

function Lane({ attempt, attempts, total, isRunning }) {
  const { provider, model, outcome, adapted = [] } = attempt;
  const isOpen = !outcome && isRunning;
  const kind = GOOD.has(outcome) ? "good" : !outcome || NEUTRAL.has(outcome) ? "neutral" : "bad";
  const reason = outcome ? meaningOf(attempt, attempts) : isOpen ? (attempt.first_ms == null ? "is asked…" : "answers…") : "";
  return html`<li class="lane" data-test="lane" data-kind=${kind} data-outcome=${outcome}>
    <p class="lane-head">
      <${Place} place=${attempt.local == null ? "" : attempt.local ? "local" : "paid"} />
      <span class="lane-provider">${provider}</span><span class="lane-model" title=${model}>${model}</span>
      ${attempt.is_hedge && html`<span class="chip" title="Asked beside the one before, as that one was slow">hedge</span>`}
      <span class="gap"></span>
      <span class="lane-reason">${kind === "bad" && html`<span aria-hidden="true">✕ </span>`}${reason}</span>
    </p>
    <div class="track" role="img" aria-label=${spoken(attempt)}>
      ${stretches(attempt, isOpen ? total : attempt.started_ms, kind).map(([name, from, to, title]) => html`<span key=${name} class="piece" data-kind=${name} title=${title}
        style=${{ left: share(from, total), width: share(Math.max(to - from, total / 300), total) }}></span>`)}
    </div>
    ${adapted.length > 0 && html`<p class="adapted"><span class="faint">adapted:</span> ${adapted.map((one) => html`<code class="chip" key=${one} data-test="adapted">${one}</code>`)}</p>`}
  </li>`;
}

const share = (ms, total) => `${((100 * Math.max(0, Math.min(ms, total))) / total).toFixed(2)}%`;

/* The stretches of a lane: [kind, from, to, title] in ms. */
function stretches({ started_ms: started, asked_ms: asked, first_ms: first, ended_ms: ended }, open, kind) {
  const end = ended ?? open;
  const found = [];
  const begun = asked ?? end;
  if (begun > started) found.push(["queued", started, begun, `waited for its turn: ${duration(begun - started)}`]);
  if (asked != null) {
    const until = first ?? end;
    const waiting = kind === "bad" && first == null ? "broken" : "waiting";
    if (until > asked) found.push([waiting, asked, until, `waited for the first token: ${duration(until - asked)}`]);
  }
  if (first != null && end > first) found.push([kind === "bad" ? "broken" : "streaming", first, end, `answered: ${duration(end - first)}`]);
  return found;
}

function spoken({ started_ms: started, first_ms: first, ended_ms: ended }) {
  const parts = [`from ${duration(started)}`];
  if (first != null) parts.push(`first token at ${duration(first)}`);
  if (ended != null) parts.push(`ended at ${duration(ended)}`);
  return parts.join(", ");
}
