/* What needs the user: a problem of the config, paid answers in place of local ones since the user last looked, a reached budget. */

import { html } from "./vendor/preact-htm.module.js";
import { reached } from "./budgets.js";
import { isPaidFallback } from "./facts.js";
import { money } from "./format.js";
import { useStore } from "./hooks.js";
import { Icon } from "./icons.js";
import { recall, remember } from "./kept.js";

export function Banners({ store }) {
  return html`<div class="banners">
    <${ConfigProblem} store=${store} />
    <${Budgets} store=${store} />
    <${PaidFallback} store=${store} />
  </div>`;
}

export async function reloadConfig(store) {
  try {
    const config = await store.api("/linx/reload", { method: "POST" });
    store.receive({ type: "config", config });
    store.say(config.problem ? "The config was read, and has a problem." : "The config was read again.");
  } catch (error) {
    store.say(error.message);
  }
}

function ConfigProblem({ store }) {
  const config = useStore(store, (state) => state.config);
  if (!config?.problem) return null;
  return html`<div class="banner" data-kind="bad" data-test="config-problem">
    <strong>The config has a problem.</strong> <span class="said">${config.problem}</span> <span class="faint">The last good one stays in force.</span>
    <button type="button" class="button small" onClick=${() => reloadConfig(store)}>Read it again</button>
  </div>`;
}

function Budgets({ store }) {
  const budgets = useStore(store, (state) => state.budget);
  const providers = useStore(store, (state) => state.providers);
  return reached(budgets, providers, store.now()).map(
    ({ id, whose, text }) => html`<div class="banner" data-kind="paid" data-test="budget-reached" key=${id}>
      <strong>Budget reached: ${whose}.</strong> <span class="said">${text}</span>
    </div>`,
  );
}

function PaidFallback({ store }) {
  const looked = Number(useStore(store, (state) => state.looked) ?? recall("looked") ?? 0);
  useStore(store, (state) => state.rev.requests);
  const paid = [...store.state.requests.values()].filter((request) => request.started_at > looked && isPaidFallback(request));
  if (!paid.length) return null;
  const spent = paid.reduce((sum, request) => sum + (request.cost_usd ?? 0), 0);
  function seen() {
    const now = store.now();
    remember("looked", String(now));
    store.set({ looked: now });
  }
  function show() {
    store.set({ filter: "is:fallback" });
    store.go("requests");
  }
  return html`<div class="banner" data-kind="paid" data-test="paid-fallback">
    <${Icon} name="out" />
    <strong>${paid.length === 1 ? "1 answer was" : `${paid.length} answers were`} paid for</strong>
    <span class="said">since you last looked, as a local provider failed: ${money(spent)}.</span>
    <button type="button" class="button small" onClick=${show}>Show</button>
    <button type="button" class="button small" onClick=${seen}>Seen</button>
  </div>`;
}
