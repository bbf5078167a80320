/* Numbers as the page writes them: short, with their units, and "–" for what is not known. */

export const NONE = "–";

const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

export function count(number) {
  if (number == null) return NONE;
  if (number < 10_000) return WHOLE.format(number);
  if (number < 999_500) return `${trimmed(number / 1000, number < 100_000 ? 1 : 0)}k`;
  if (number < 999_500_000) return `${trimmed(number / 1_000_000, number < 100_000_000 ? 1 : 0)}M`;
  return `${trimmed(number / 1_000_000_000, 1)}G`;
}

export function money(usd) {
  if (usd == null) return NONE;
  if (usd === 0) return "$0";
  if (usd < 0.0001) return "<$.0001";
  if (usd < 0.01) return `$${usd.toFixed(4)}`;
  return usd < 100 ? `$${usd.toFixed(2)}` : `$${WHOLE.format(usd)}`;
}

/* A duration in milliseconds. */
export function duration(ms) {
  if (ms == null) return NONE;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${String(seconds % 60).padStart(2, "0")}s`;
  return `${Math.floor(seconds / 3600)}h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")}m`;
}

/* A duration in milliseconds, beside a line of a chart. */
export const axisDuration = (ms) => (ms === 0 ? "0" : ms < 1000 ? `${Math.round(ms)} ms` : `${Number((ms / 1000).toFixed(2))} s`);

/* Two durations in milliseconds with one unit: 341 / 812 ms, 0.34 / 1.21 s. */
export function pair(low, high) {
  if (low == null || high == null) return NONE;
  if (high < 1000) return `${Math.round(low)} / ${Math.round(high)} ms`;
  return `${(low / 1000).toFixed(2)} / ${(high / 1000).toFixed(high < 10_000 ? 2 : 0)} s`;
}

/* How long ago, in seconds. */
export function ago(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 120) return `${whole} s ago`;
  if (whole < 7200) return `${Math.round(whole / 60)} min ago`;
  return whole < 172_800 ? `${Math.round(whole / 3600)} h ago` : `${Math.round(whole / 86_400)} days ago`;
}

export const rate = (perSecond) => (perSecond == null ? NONE : perSecond > 0 && perSecond < 10 ? perSecond.toFixed(1) : count(perSecond));

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

export const clock = (epoch) => CLOCK.format(epoch * 1000);
export const dayAndClock = (epoch) => `${DAY.format(epoch * 1000)}, ${CLOCK.format(epoch * 1000)}`;

function trimmed(number, digits) {
  return number.toFixed(digits).replace(/\.0+$/, "");
}
