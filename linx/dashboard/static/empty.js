/* No request yet: what Linx found, and what to do next. */

import { html, useState } from "./vendor/preact-htm.module.js";
import { CopyButton } from "./copy.js";
import { useStore } from "./hooks.js";
import { Place } from "./icons.js";
import { VIEWS } from "./views.js";

const UP = new Set(["up", "unknown", "loading"]);

export function Empty({ store }) {
  const providers = useStore(store, (state) => [...state.providers.values()]);
  const address = useStore(store, (state) => state.address);
  const ready = providers.filter((provider) => UP.has(provider.state) && provider.models?.length);
  return html`
    <div class="empty" data-test="empty">
      <h3>No request yet</h3>
      ${ready.length
        ? html`<p>Linx found:</p>
            <ul class="found">${ready.map((provider) => html`<li key=${provider.name}><${Place} place=${provider.local ? "local" : "paid"} /> <strong>${provider.name}</strong>
              <span class="faint"> with ${provider.models.length === 1 ? provider.models[0] : `${provider.models.length} models`}</span></li>`)}</ul>
            <${Send} store=${store} model=${ready[0].models[0]} />`
        : html`<p>No provider answers yet. Start Ollama or llama.cpp on this machine, which Linx finds by itself, or put a key such as
            <code>OPENROUTER_API_KEY</code> into the environment or the config.</p>`}
      <p>Then give your tools this address instead of their own:</p>
      <p><${CopyButton} text=${`${address}/v1`} label="Copy the address"><code>${address}/v1</code><//>${
        "connect" in VIEWS && html` <a class="button small" href="#/connect">Settings for each tool</a>`
      }</p>
    </div>
  `;
}

function Send({ store, model }) {
  const [isSent, setSent] = useState(false);
  async function send() {
    setSent(true);
    try {
      await store.api("/v1/chat/completions", { method: "POST", body: { model, messages: [{ role: "user", content: "Say hello in five words." }], max_tokens: 32 } });
    } catch (error) {
      store.say(error.message);
    }
    setSent(false);
  }
  return html`<p><button type="button" class="button primary" data-test="send-request" disabled=${isSent} onClick=${send}>${isSent ? "Sent…" : "Send a request"}</button>
    <span class="faint"> to ${model}</span></p>`;
}
