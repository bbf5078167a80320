/* The settings of each client for this address and key, to copy. */

import { html, useEffect, useState } from "./vendor/preact-htm.module.js";
import { CopyButton } from "./copy.js";
import { partsOf } from "./connect_steps.js";
import { useStore } from "./hooks.js";
import { recall, remember } from "./kept.js";
import { isOn } from "./tunnel.js";

const PLACEHOLDER = "YOUR_KEY";

export function Connect({ store }) {
  const [found, setFound] = useState({ clients: null, isMissing: false });
  const [chosen, setChosen] = useState(recall("client"));
  const [address, key, tunnel] = useStore(store, (state) => [state.address, state.key, state.tunnel]);
  useEffect(() => {
    store.api("/linx/clients").then(
      ({ data }) => setFound({ clients: Array.isArray(data) ? data : [], isMissing: !Array.isArray(data) }),
      () => setFound({ clients: [], isMissing: true }),
    );
  }, [store, tunnel?.url]);
  const clients = [anyClient(address, key), ...(found.clients ?? [])];
  const client = clients.find(({ client: name }) => name === chosen) ?? clients[0];
  function choose(name) {
    remember("client", name);
    setChosen(name);
  }
  return html`<div class="connect wide">
    <header class="view-head"><h1 class="view-title">Connect</h1><p class="soft">Give your tools this address instead of their own; they ask as before, and Linx finds who answers.</p></header>
    <div class="connect-columns">
      <ul class="clients" aria-label="Clients">${clients.map(({ client: name, title }) => html`<li key=${name}>
        <button type="button" class="client-choice" data-test="setup-client" data-name=${name} aria-pressed=${name === client.client} onClick=${() => choose(name)}>${title}</button></li>`)}</ul>
      <${Settings} key=${client.client} client=${client} secret=${key} isTunnelOn=${isOn(tunnel)} />
    </div>
  </div>`;
}

/* What every client needs, also where Linx has no words for that client. */
function anyClient(address, key) {
  const secret = key ? PLACEHOLDER : "any text, such as linx";
  const header = key ? ` -H 'Authorization: Bearer ${PLACEHOLDER}'` : "";
  return {
    client: "any",
    title: "Any other client",
    steps: ["The address for clients of OpenAI:", `    ${address}/v1`, "for clients of Anthropic and of Ollama:", `    ${address}`, "The key:", `    ${secret}`, "To see whether it answers:", `    curl${header} ${address}/v1/models`],
    files: [],
    needs_tunnel: false,
  };
}

function Settings({ client, secret, isTunnelOn }) {
  const [isShown, setShown] = useState(false);
  const withKey = (text) => (secret ? text.replaceAll(PLACEHOLDER, secret) : text);
  const shown = (text) => (isShown ? withKey(text) : text);
  return html`<section class="settings" aria-label=${client.title} data-test="setup-settings">
    <h2>${client.title}</h2>
    ${client.needs_tunnel && !isTunnelOn && html`<p class="needs-tunnel" data-test="needs-tunnel">Its servers call Linx from outside: start the tunnel first.</p>`}
    ${secret && html`<label class="show-key"><input type="checkbox" data-test="show-key" checked=${isShown} onChange=${() => setShown(!isShown)} /> show the key here; what you copy has it in any case</label>`}
    ${partsOf(client.steps ?? []).map(({ words, copied }, index) => copied
      ? html`<${Copied} key=${index} shown=${shown(copied)} text=${withKey(copied)} />`
      : html`<p key=${index}>${shown(words)}</p>`)}
    ${(client.files ?? []).map(({ path, text }) => html`<div key=${path} class="settings-file"><p><code>${path}</code></p><${Copied} shown=${shown(text)} text=${withKey(text)} /></div>`)}
  </section>`;
}

function Copied({ shown, text }) {
  return html`<div class="copied"><pre tabindex="0">${shown}</pre><${CopyButton} text=${text} label="Copy" data-test="setup-copy" /></div>`;
}
