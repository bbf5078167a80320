/* The providers: how each is, what it has loaded, how fast it answers, what it costs, and what it complained of last. */

import { html } from "./vendor/preact-htm.module.js";
import { reloadConfig } from "./banners.js";
import { rowsOf } from "./budgets.js";
import { CopyButton } from "./copy.js";
import { ago, count, money, pair } from "./format.js";
import { useStore, useTick } from "./hooks.js";
import { Icon, Place } from "./icons.js";

export function Providers({ store }) {
  const names = useStore(store, (state) => inOrder([...state.providers.values()]));
  return html`
    <h2 class="column-title">Providers <span class="faint">${names.length || ""}</span></h2>
    <ul class="providers">${names.map((name) => html`<${Provider} key=${name} store=${store} name=${name} />`)}</ul>
    <${Config} store=${store} />
  `;
}

/* The order of the config, without those that are off: they come last. */
const inOrder = (providers) => [...providers.filter(isInUse), ...providers.filter((one) => !isInUse(one))].map(({ name }) => name);
const isInUse = ({ state }) => state !== "disabled";

const WORDS = { cooling: "paused", unknown: "not asked yet", loading: "loading a model", disabled: "off" };

function Provider({ store, name }) {
  const provider = useStore(store, (state) => state.providers.get(name));
  if (!provider) return null;
  const { state, tokens, first_token_ms: first, loaded = [], queued = 0, active = 0 } = provider;
  const shown = () => store.set({ filter: `provider:${name}` });
  return html`
    <li class="provider" data-test="provider" data-name=${name} data-state=${state}>
      <div class="provider-head">
        <span class="dot" data-state=${state} aria-hidden="true"></span>
        <button type="button" class="name plain" title="Show its requests" onClick=${shown}>${name}</button>
        <${Place} place=${provider.local ? "local" : "paid"} />
        <span class="gap"></span>
        <${State} store=${store} provider=${provider} />
      </div>
      ${loaded.map((model) => html`<p class="loaded" key=${model.model}><span class="model">${model.model}</span>
        ${model.context && html`<span class="faint" title="context">${count(model.context)} ctx</span>`}</p>`)}
      ${(active > 0 || queued > 0) && html`<p class="load">${active} running${queued > 0 && html`<span class="queue">, ${queued} queued</span>`}</p>`}
      ${provider.requests > 0 && html`<dl class="facts">
        <div title="the median, and the slowest twentieth"><dt>first token</dt><dd>${pair(first?.p50, first?.p95)}</dd></div>
        <div><dt>tokens</dt><dd>${count((tokens?.prompt ?? 0) + (tokens?.completion ?? 0))}</dd></div>
        <div><dt>cost</dt><dd>${provider.local && !provider.cost_usd ? "free" : provider.price_known === false ? "no price" : money(provider.cost_usd)}</dd></div>
      </dl>`}
      ${rowsOf(provider.budget).map(
        (row) => html`<p class="budget" key=${row.id} data-full=${row.isReached}><span class="gauge" aria-hidden="true"><span style=${{ width: `${Math.min(100, row.share * 100)}%` }}></span></span>${row.text}</p>`,
      )}
      ${provider.last_error && state !== "disabled" && html`<p class="last-error" title=${provider.last_error}>${provider.last_error}</p>`}
      <${Missing} missing=${provider.missing_models ?? []} />
      ${provider.warning && html`<p class="warning">${provider.warning}</p>`}
    </li>
  `;
}

const MOST_MISSING = 4;

/* Names that clients may not ask for, since the model behind them is not there, and the command that gets it. */
function Missing({ missing }) {
  return html`
    ${missing.slice(0, MOST_MISSING).map(({ name, model, command, near }) => html`
      <div class="missing" key=${name} data-test="missing-model" data-name=${name}>
        <p title=${near.length > 0 ? `there is ${near.join(", ")}` : undefined}>${name} → ${model} is not there</p>
        ${command && html`<p class="mend"><code>${command}</code><${CopyButton} text=${command} label="Copy the command" data-test="missing-copy" /></p>`}
      </div>`)}
    ${missing.length > MOST_MISSING && html`<p class="missing">and ${missing.length - MOST_MISSING} more mappings</p>`}
  `;
}

function State({ store, provider }) {
  const isPaused = provider.retry_at != null && provider.retry_at > store.now();
  useTick(1, isPaused);
  const left = isPaused ? ` ${Math.ceil(provider.retry_at - store.now())} s` : "";
  return html`<span class="state">${WORDS[provider.state] ?? provider.state}${left}</span>`;
}

function Config({ store }) {
  const config = useStore(store, (state) => state.config);
  const version = useStore(store, (state) => state.version);
  useTick(30);
  if (!config) return null;
  return html`<div class="config">
    <span class="faint" title=${config.path ?? ""}>Linx ${version} · ${config.path ? "config" : "no config file"}${config.loaded_at ? ` read ${ago(store.now() - config.loaded_at)}` : ""}</span>
    <button type="button" class="button small quiet" data-test="config-reload" aria-label="Read the config again" title="Read the config again"
      onClick=${() => reloadConfig(store)}><${Icon} name="reload" /></button>
  </div>`;
}
