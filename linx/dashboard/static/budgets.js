/* Budgets as sentences. Pure. */

import { count, money } from "./format.js";

const UNITS = { daily_usd: [money, "today"], monthly_usd: [money, "this month"], daily_tokens: [(tokens) => `${count(tokens)} tokens`, "today"] };

/* Rows {name, share, text, isReached} of what Linx tells of budgets: the list `budget` of the status, or null. */
export function rowsOf(budgets) {
  return (budgets ?? []).map(({ scope, name, kind, limit, spent, reached: isReached }) => {
    const [write, when] = UNITS[kind] ?? [String, ""];
    const share = limit ? Math.min(1, spent / limit) : 1;
    return { name: name ?? scope, share, isReached, text: `${write(spent)} of ${write(limit)} ${when}`.trim() };
  });
}

export function reached(budgets) {
  return rowsOf(budgets).filter((row) => row.isReached);
}
