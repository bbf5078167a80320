/* The ledger by day, model, provider, key or client: tokens as bars, money, budgets, and all of it to take away. */

import { html, useEffect, useState } from "./vendor/preact-htm.module.js";
import { rowsOf } from "./budgets.js";
import { count, money } from "./format.js";
import { useStore } from "./hooks.js";
import { recall, remember } from "./kept.js";
import { saveAs } from "./saving.js";
import { Tabs } from "./tabs.js";

const BY = [["day", "Day"], ["model", "Model"], ["provider", "Provider"], ["key", "Key"], ["client", "Client"]];
const SINCE = [["24h", "24 hours"], ["7d", "7 days"], ["30d", "30 days"], ["365d", "a year"], ["all", "everything"]];
/* field, heading, how it is written. */
const COLUMNS = [
  ["requests", "requests", count], ["failed", "failed", count], ["local_requests", "local", count], ["prompt_tokens", "prompt", count],
  ["cached_tokens", "cached", count], ["completion_tokens", "answer", count], ["cost_usd", "cost", money], ["saved_usd", "saved", money],
];
const LOOK_S = 5;
const isKnown = (rows, value) => rows.some(([name]) => name === value);

export function History({ store }) {
  const [by, setBy] = useState(isKnown(BY, recall("history.by")) ? recall("history.by") : "day");
  const [since, setSince] = useState(isKnown(SINCE, recall("history.since")) ? recall("history.since") : "7d");
  const [found, setFound] = useState({ usage: null, problem: "" });
  useEffect(() => {
    const control = new AbortController();
    let counted = null;
    let still = 0;
    const look = () => {
      // Asked again only while requests end, and once more, since the ledger is written a moment later.
      still = counted === store.state.totals?.requests ? still + 1 : 0;
      if (counted !== null && (document.hidden || still > 1)) return;
      counted = store.state.totals?.requests ?? 0;
      store.api(`/linx/usage?by=${by}&since=${since}`, { signal: control.signal }).then(
        (usage) => setFound({ usage, problem: "" }),
        (error) => error.name === "AbortError" || setFound({ usage: null, problem: error.message }),
      );
    };
    look();
    const timer = setInterval(look, LOOK_S * 1000);
    return () => {
      clearInterval(timer);
      control.abort();
    };
  }, [store, by, since]);
  const choose = (name) => { remember("history.by", name); setBy(name); };
  const { usage, problem } = found;
  const isCurrent = usage?.by === by;
  return html`<div class="history wide">
    <header class="view-head">
      <h1 class="view-title">History</h1>
      <label><span class="unseen">Since</span><select class="select" data-test="history-since" value=${since} onChange=${(event) => { remember("history.since", event.target.value); setSince(event.target.value); }}>
        ${SINCE.map(([value, title]) => html`<option key=${value} value=${value} selected=${value === since}>${title}</option>`)}</select></label>
      <span class="gap"></span>
      <${Export} store=${store} by=${by} since=${since} />
    </header>
    <${Budgets} store=${store} />
    <${Tabs} id="history" label="By" tabs=${BY} chosen=${by} choose=${choose}>
      ${problem ? html`<p class="problem" role="alert">${problem}</p>` : isCurrent ? html`<${Table} usage=${usage} by=${by} />` : html`<p class="faint">…</p>`}
    <//>
  </div>`;
}

function Table({ usage, by }) {
  const [order, setOrder] = useState({ field: "", isUp: false });
  const { rows = [], total = {} } = usage;
  if (!rows.length) return html`<p class="soft nothing" data-test="history-empty">No requests in this time.</p>`;
  const columns = COLUMNS.filter(([field]) => field === "requests" || field.startsWith("cost") || total[field]);
  const sorted = order.field ? rows.toSorted((a, b) => compare(a[order.field], b[order.field]) * (order.isUp ? 1 : -1)) : by === "day" ? rows.toReversed() : rows;
  const most = Math.max(1, ...rows.map(tokensOf));
  const heading = (field, title) => html`<th key=${field} scope="col" class=${field === by ? "" : "num"} aria-sort=${order.field === field ? (order.isUp ? "ascending" : "descending") : undefined}>
    <button type="button" class="plain sort" onClick=${() => setOrder({ field, isUp: order.field === field && !order.isUp })}>${title}</button></th>`;
  return html`
    <p class="sentence" data-test="history-total">${count(total.local_requests)} of ${count(total.requests)} requests were answered on your own machines${
      total.saved_usd ? html` and saved <strong>${money(total.saved_usd)}</strong>` : ""}; <strong>${money(total.cost_usd)}</strong> spent on others.</p>
    <div class="table-room" tabindex="0" role="group" aria-label="Usage">
      <table class="usage" data-test="usage">
        <thead><tr>${heading(by, by)}<th scope="col" class="bars"><span class="unseen">share of tokens</span></th>${columns.map(([field, title]) => heading(field, title))}</tr></thead>
        <tbody>${sorted.map((row) => html`<tr key=${`${row[by]} ${row.asked ?? ""}`}>
          <th scope="row"><${Name} row=${row} by=${by} /></th>
          <td class="bars"><${Share} row=${row} most=${most} /></td>
          ${columns.map(([field, , write]) => html`<td key=${field} class="num" data-zero=${!row[field] || undefined}>${write(row[field])}</td>`)}
        </tr>`)}</tbody>
        <tfoot><tr><th scope="row">total</th><td></td>${columns.map(([field, , write]) => html`<td key=${field} class="num">${write(total[field])}</td>`)}</tr></tfoot>
      </table>
    </div>
    <p class="key-to-bars faint" aria-hidden="true"><span class="piece" data-kind="local"></span> local, <span class="piece" data-kind="paid"></span> remote; as long as the tokens are many</p>`;
}

function Name({ row, by }) {
  const { asked } = row;
  return html`<span class="row-name">${row[by]}</span>${asked && asked !== row[by] && html`<span class="faint asked-for"> asked as ${asked}</span>`}`;
}

/* The tokens of a row as a bar, in the shares of its local and its remote requests. */
function Share({ row, most }) {
  const local = row.requests ? row.local_requests / row.requests : 0;
  return html`<span class="share" style=${{ width: `${Math.max(1, (100 * tokensOf(row)) / most).toFixed(1)}%` }} aria-hidden="true">
    ${local > 0 && html`<span class="piece" data-kind="local" style=${{ flexGrow: local }}></span>`}
    ${local < 1 && html`<span class="piece" data-kind="paid" style=${{ flexGrow: 1 - local }}></span>`}
  </span>`;
}

function Budgets({ store }) {
  const budget = useStore(store, (state) => state.budget);
  const rows = rowsOf(budget);
  if (!rows.length) return null;
  return html`<ul class="budgets" aria-label="Budgets" data-test="history-budgets">${rows.map(({ id, whose, share, isReached, text }) => html`<li key=${id} data-full=${isReached}>
    <strong>${whose}</strong> <meter min="0" max="1" value=${Math.min(1, share)} aria-label=${`Budget of ${whose}`}></meter> ${text}</li>`)}</ul>`;
}

function Export({ store, by, since }) {
  async function save(format) {
    try {
      const response = await store.api(`/linx/usage?by=${by}&since=${since}${format === "csv" ? "&format=csv" : ""}`, { raw: true });
      saveAs(`linx-usage-by-${by}.${format}`, await response.blob());
    } catch (error) {
      store.say(error.message);
    }
  }
  return ["csv", "json"].map((format) => html`<button type="button" key=${format} class="button small" data-test=${`export-${format}`} onClick=${() => save(format)}>${format.toUpperCase()}</button>`);
}

const tokensOf = (row) => row.prompt_tokens + row.completion_tokens;
const compare = (a, b) => (typeof a === "number" ? a - b : String(a).localeCompare(String(b)));
