/* Budgets as sentences. Pure. A limit is {scope, name, kind, limit, spent, reserved, ends_at, reached}, as the status has it. */

import { clock, count, dayAndClock, money } from "./format.js";

const UNITS = {
  daily_usd: [money, "today"],
  monthly_usd: [money, "this month"],
  daily_tokens: [(tokens) => `${count(tokens)} tokens`, "today"],
};
const WHOSE = { all: () => "all providers together", provider: (name) => name, key: (name) => `key ${name}` };
const A_DAY_S = 86_400;

/* Rows {id, whose, share, isReached, text} of a list of limits, or of null. */
export function rowsOf(limits) {
  return (limits ?? []).map(({ scope, name, kind, limit, spent, reached: isReached }) => {
    const [write, when] = UNITS[kind] ?? [count, ""];
    const whose = (WHOSE[scope] ?? ((one) => one ?? scope))(name);
    return { id: `${scope} ${name} ${kind}`, whose, share: limit ? spent / limit : 1, isReached, text: `${write(spent)} of ${write(limit)} ${when}`.trim() };
  });
}

/* The limits that are reached: those of all, of keys and of providers, each once; and when each ends. */
export function reached(limits, providers, now) {
  const all = [...(limits ?? []), ...[...providers.values()].flatMap((provider) => provider.budget ?? [])].filter((limit) => limit.reached);
  const ends = ({ ends_at: at }) => (at ? `, counted anew at ${at - now < A_DAY_S ? clock(at) : dayAndClock(at)}` : "");
  const rows = rowsOf(all).map((row, index) => ({ ...row, text: `${row.text}${ends(all[index])}.` }));
  return [...new Map(rows.map((row) => [row.id, row])).values()];
}
