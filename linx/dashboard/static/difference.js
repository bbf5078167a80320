/* The difference of what the client sent and what the provider got, line by line; long equal parts are folded. */

import { html, useMemo, useState } from "./vendor/preact-htm.module.js";
import { diffLines, folded } from "./diff.js";
import { comparable } from "./pretty.js";

const SHOWN_ROWS = 500; // at first, and with each "more"
const LONG = 2000; // characters of a line that are shown
const SIGNS = { same: " ", out: "−", in: "+" };
const WORDS = { out: "taken out: ", in: "put in: " };

export function Difference({ before, after }) {
  const rows = useMemo(() => (before && after ? diffLines(comparable(before.body ?? ""), comparable(after.body ?? "")) : []), [before, after]);
  const items = useMemo(() => folded(rows), [rows]);
  const [opened, setOpened] = useState(() => new Set());
  const [most, setMost] = useState(SHOWN_ROWS);
  if (!before || !after) return html`<p class="faint">There is nothing to compare: ${before ? "no provider got a request" : "the client's request is not kept"}.</p>`;
  const out = rows.filter(([kind]) => kind === "out").length;
  const added = rows.filter(([kind]) => kind === "in").length;
  if (!out && !added) return html`<p class="soft" data-test="diff-summary">Nothing: the provider got what the client sent.</p>`;
  let left = most;
  return html`<div class="difference" data-test="diff">
    <p class="soft" data-test="diff-summary"><span class="sum" data-kind="in">+${added}</span> <span class="sum" data-kind="out">−${out}</span> lines from the client to the provider; fields by name.</p>
    <div class="diff" role="group" aria-label="Difference" tabindex="0">
      ${items.map((item, index) => {
        if (left <= 0) return null;
        if (item.folded && !opened.has(index)) {
          return html`<button type="button" class="fold" key=${index} data-test="fold" onClick=${() => setOpened(new Set([...opened, index]))}>⋯ ${item.folded.length} equal lines</button>`;
        }
        const shown = (item.folded ?? item.rows).slice(0, left);
        left -= shown.length;
        return shown.map(([kind, line], at) => html`<${Line} key=${`${index}-${at}`} kind=${kind} line=${line} />`);
      })}
      ${left <= 0 && html`<button type="button" class="fold" onClick=${() => setMost(most + SHOWN_ROWS)}>more…</button>`}
    </div>
    ${(before.truncated || after.truncated) && html`<p class="cut">Compared as far as the bodies are kept (256 KiB each).</p>`}
  </div>`;
}

function Line({ kind, line }) {
  const [isWhole, setWhole] = useState(false);
  const isLong = line.length > LONG && !isWhole;
  return html`<div class="diff-line" data-kind=${kind}><span class="sign" aria-hidden="true">${SIGNS[kind]}</span><code>${WORDS[kind] && html`<span class="unseen">${WORDS[kind]}</span>`}${isLong ? line.slice(0, LONG) : line}${
    isLong && html`<button type="button" class="fold inline" onClick=${() => setWhole(true)}>⋯ ${line.length - LONG} more characters</button>`
  }</code></div>`;
}
