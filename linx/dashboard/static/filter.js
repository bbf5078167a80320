/* The filter's small language: `model:qwen status:failed key:anna cost>0.01 -client:cursor word`. Pure.

Every part must hold; `-` in front turns it round; a word alone is looked for in all names. Text is found anywhere in the
field, whatever its case. What cannot be understood is told (`problem`), and filters nothing.
*/

import { answerTokens, isPaidFallback, isRunning, lasted, placeOf, providerOf, reasonOf, tokenRate } from "./facts.js";

const TEXTS = {
  model: (request) => [request.model, request.served_model],
  provider: (request) => [request.provider, ...(request.attempts ?? []).map((attempt) => attempt.provider)],
  key: (request) => [request.key],
  client: (request) => [request.client],
  face: (request) => [request.face],
  path: (request) => [request.path],
  id: (request) => [request.id],
  status: (request) => [request.phase, String(request.status ?? ""), request.phase === "failed" ? reasonOf(request) : ""],
};
const NUMBERS = {
  cost: (request) => request.cost_usd,
  saved: (request) => request.saved_usd,
  tokens: (request) => answerTokens(request),
  prompt: (request) => request.tokens?.prompt,
  time: (request, now) => lasted(request, now) / 1000,
  first: (request) => (request.first_token_ms == null ? null : request.first_token_ms / 1000),
  rate: (request, now) => tokenRate(request, now),
  attempts: (request) => request.attempts?.length ?? 0,
};
const IS = {
  running: isRunning,
  failed: (request) => request.phase === "failed",
  local: (request) => placeOf(request) === "local",
  paid: (request) => placeOf(request) === "paid",
  fallback: isPaidFallback,
};
const COMPARE = {
  ">": (a, b) => a > b,
  "<": (a, b) => a < b,
  ">=": (a, b) => a >= b,
  "<=": (a, b) => a <= b,
  "=": (a, b) => a === b,
};
const NUMERIC = /^([a-z]+)(>=|<=|>|<|=)\$?(-?[\d.]+)$/;

export const FIELDS = [...Object.keys(TEXTS).map((name) => `${name}:`), ...Object.keys(NUMBERS).map((name) => `${name}>`), ...Object.keys(IS).map((name) => `is:${name}`)];

/* {test(request, now), problem, isEmpty} of the text of a filter. */
export function compile(text) {
  const tests = [];
  let problem = "";
  for (const part of text.toLowerCase().match(/-?[a-z]+:"[^"]*"?|\S+/g) ?? []) {
    const isTurned = part.length > 1 && part.startsWith("-");
    const found = testOf(isTurned ? part.slice(1) : part);
    if (typeof found === "string") problem = found;
    else tests.push(isTurned ? (request, now) => !found(request, now) : found);
  }
  return { test: (request, now) => tests.every((test) => test(request, now)), problem, isEmpty: tests.length === 0 };
}

/* The test of one part, or what is wrong with it. */
function testOf(part) {
  const numeric = NUMERIC.exec(part);
  if (numeric) {
    const [, name, sign, number] = numeric;
    if (!Object.hasOwn(NUMBERS, name)) return `No number is called ${name}. Known: ${Object.keys(NUMBERS).join(", ")}.`;
    return (request, now) => {
      const value = NUMBERS[name](request, now);
      return value != null && COMPARE[sign](value, Number(number));
    };
  }
  const [name, ...rest] = part.split(":");
  const wanted = rest.join(":").replaceAll('"', "");
  if (!rest.length || (!Object.hasOwn(TEXTS, name) && name !== "is" && wanted === "")) return anywhere(part);
  if (name === "is") return Object.hasOwn(IS, wanted) ? IS[wanted] : `is: takes ${Object.keys(IS).join(", ")}.`;
  // A model's own name has a colon too (qwen3:8b), so what no field is called is a word to look for.
  if (!Object.hasOwn(TEXTS, name)) return anywhere(part);
  return (request) => TEXTS[name](request).some((value) => value?.toLowerCase().includes(wanted));
}

const anywhere = (word) => (request) =>
  [request.model, request.served_model, providerOf(request), request.client, request.key, request.id].some((value) => value?.toLowerCase().includes(word));
