/* Today in numbers: what runs, what stayed here, what left, what it cost and what it would have cost. */

import { html, useEffect } from "./vendor/preact-htm.module.js";
import { isRunning } from "./facts.js";
import { count, money } from "./format.js";
import { useStore } from "./hooks.js";
import { Place } from "./icons.js";

export function running(state) {
  let number = 0;
  for (const request of state.requests.values()) if (isRunning(request)) number += 1;
  return number;
}

export function Today({ store }) {
  const active = useStore(store, running);
  const totals = useStore(store, (state) => state.totals);
  useEffect(() => {
    document.title = active ? `(${active}) Linx` : "Linx";
  }, [active]);
  return html`
    <dl class="today" aria-label="Today">
      <${Number_} name="running" label="running" value=${active} />
      <${Number_} name="local-tokens" label="local" more="tokens" value=${count(totals?.local_tokens)} place="local" />
      <${Number_} name="remote-tokens" label="remote" more="tokens" value=${count(totals?.remote_tokens)} place="paid" />
      <${Number_} name="cost" label="today" value=${money(totals?.cost_usd)} />
      <${Number_} name="saved" label="saved" more="by local" value=${money(totals?.saved_usd)} />
      <${Number_} name="requests" label="requests" value=${count(totals?.requests)} />
      <${Number_} name="failed" label="failed" value=${count(totals?.failed)} isBad=${totals?.failed > 0} />
    </dl>
  `;
}

/* A number and what it is; the second half of its name is left out on a phone. */
function Number_({ name, label, more, value, place, isBad }) {
  return html`<div data-test=${`today-${name}`} data-bad=${isBad || undefined}>
    <dt>${place && html`<${Place} place=${place} />`}${label}${more && html`<span class="more">${more}</span>`}</dt><dd>${value}</dd>
  </div>`;
}
