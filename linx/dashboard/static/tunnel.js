/* The tunnel's switch and its address. */

import { html, useState } from "./vendor/preact-htm.module.js";
import { CopyButton } from "./copy.js";
import { useStore } from "./hooks.js";

const OFF = new Set(["stopped", "failed"]);
export const isOn = (tunnel) => Boolean(tunnel) && !OFF.has(tunnel.status);

export async function switchTunnel(store) {
  try {
    const tunnel = await store.api(isOn(store.state.tunnel) ? "/api/tunnel/stop" : "/api/tunnel/start", { method: "POST", body: {} });
    store.receive({ type: "tunnel", tunnel });
  } catch (error) {
    store.say(error.message);
  }
}

export function Tunnel({ store }) {
  const tunnel = useStore(store, (state) => state.tunnel);
  const [isBusy, setBusy] = useState(false);
  const on = isOn(tunnel);
  async function toggle() {
    setBusy(true);
    await switchTunnel(store);
    setBusy(false);
  }
  return html`<span class="tunnel" data-on=${on} data-status=${tunnel?.status}>
    <button type="button" class="switch" role="switch" aria-checked=${on} data-test="tunnel-toggle" disabled=${isBusy || !tunnel} onClick=${toggle}
      title=${tunnel?.error ?? "Reach this Linx from elsewhere"}>
      <span class="knob" aria-hidden="true"></span>Tunnel
    </button>
    ${tunnel?.url && html`<${CopyButton} text=${tunnel.url} label="Copy the tunnel's address"><code data-test="tunnel-url">${tunnel.url}</code><//>`}
    ${on && !tunnel.url && html`<span class="faint">${tunnel.status}…</span>`}
  </span>`;
}
