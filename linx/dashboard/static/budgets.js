/* Budgets as sentences. Pure. */

import { count, money } from "./format.js";

const UNITS = { daily_usd: [money, "today"], monthly_usd: [money, "this month"], daily_tokens: [(tokens) => `${count(tokens)} tokens`, "today"] };

/* Rows {name, limit, spent, share, text} of what Linx tells of budgets: a list, or null. */
export function rowsOf(budgets) {
  return (Array.isArray(budgets) ? budgets : []).map((row) => {
    const [write, when] = UNITS[row.limit_name ?? row.limit] ?? [String, ""];
    const max = row.max ?? row.of ?? 0;
    const used = row.used ?? row.spent ?? 0;
    return { name: row.name ?? row.scope ?? "", share: max ? used / max : 0, text: `${write(used)} of ${write(max)} ${when}`.trim() };
  });
}

export function reached(budgets, providers) {
  const own = [...(providers?.values() ?? [])].flatMap((provider) => rowsOf(provider.budget ? [provider.budget].flat() : []));
  return [...rowsOf(budgets), ...own].filter((row) => row.share >= 1);
}
