/* What the page derives from a REQUEST or a PROVIDER. Pure. */

import { isOver } from "./merge.js";

export { isOver };
export const isRunning = (request) => !isOver(request);

/* Milliseconds since the request came: until its end, or until now. */
export function lasted(request, now) {
  if (request.duration_ms != null) return request.duration_ms;
  return Math.max(0, (now - request.started_at) * 1000);
}

/* Answer tokens so far: counted by the provider once it is over, an estimate before. */
export const answerTokens = (request) => request.tokens?.completion ?? (request.streamed || null);

/* Tokens per second since the first token; null before there is enough to measure. */
export function tokenRate(request, now) {
  const tokens = answerTokens(request);
  if (!tokens || request.first_token_ms == null) return null;
  const seconds = (lasted(request, now) - request.first_token_ms) / 1000;
  return seconds < 0.05 ? null : tokens / seconds;
}

/* Where the request is answered: "local", "paid" (it left the machine), or "" while nobody answers. */
export function placeOf(request) {
  if (request.local != null) return request.local ? "local" : "paid";
  const last = request.attempts?.at(-1);
  return last?.local == null ? "" : last.local ? "local" : "paid";
}

/* The provider that answers, or the last that was asked. */
export const providerOf = (request) => request.provider ?? request.attempts?.at(-1)?.provider ?? "";

/* Was it answered elsewhere because something at home failed? */
export const isPaidFallback = (request) =>
  request.local === false && (request.attempts ?? []).some((attempt) => attempt.local && isBad(attempt.outcome));

/* Why the request failed, in a word. */
export function reasonOf(request) {
  const failed = (request.attempts ?? []).filter((attempt) => isBad(attempt.outcome)).at(-1);
  const outcome = request.outcome && request.outcome !== "failed" ? request.outcome : failed?.outcome;
  return (outcome ?? "failed").replaceAll("_", " ");
}

/* An attempt that was given up for a faster one, or with its request, is "lost": nobody's failure. */
const GOOD = new Set(["ok", "lost"]);
const isBad = (outcome) => Boolean(outcome) && !GOOD.has(outcome);

/* The pieces of the phase bar, each [kind, milliseconds]: failed tries, queued, connecting or waiting, streaming. */
export function pieces(request, now) {
  const total = lasted(request, now);
  const found = [];
  let at = 0;
  const until = (kind, end) => {
    if (end == null || end <= at) return;
    const length = Math.min(end, total) - at;
    if (found.at(-1)?.[0] === kind) found.at(-1)[1] += length;
    else found.push([kind, length]);
    at = Math.min(end, total);
  };
  for (const attempt of request.attempts ?? []) {
    if (attempt.is_hedge && attempt.outcome !== "ok") continue;
    until("queued", attempt.asked_ms ?? (attempt.ended_ms == null && request.phase === "queued" ? total : attempt.started_ms));
    if (isBad(attempt.outcome) && attempt.first_ms == null) until("broken", attempt.ended_ms);
    else {
      until(request.phase === "connecting" ? "connecting" : "waiting", attempt.first_ms ?? attempt.ended_ms);
      if (attempt.first_ms != null) until(isBad(attempt.outcome) ? "broken" : "streaming", attempt.ended_ms ?? total);
    }
  }
  if (isRunning(request)) until(request.phase, total);
  else if (request.first_token_ms != null && at <= request.first_token_ms) {
    until("waiting", request.first_token_ms);
    until("streaming", total);
  } else until(request.phase === "failed" ? "broken" : at ? "streaming" : "waiting", total);
  return found.filter(([, length]) => length > 0);
}

/* A share 0…1 of the bar's room for a duration: logarithmic, a minute fills it. */
export const barShare = (ms) => Math.min(1, Math.max(0.04, Math.log1p(ms / 250) / Math.log1p(60_000 / 250)));
