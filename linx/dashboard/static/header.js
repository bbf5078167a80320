/* The head of the page: is it live, where may I go, what did today cost; and on a phone the bar at the bottom. */

import { html, useEffect, useState } from "./vendor/preact-htm.module.js";
import { CopyButton } from "./copy.js";
import { ago } from "./format.js";
import { useStore, useTick } from "./hooks.js";
import { Icon } from "./icons.js";
import { hashOf } from "./route.js";
import { Today } from "./today.js";
import { isDark, toggleTheme, watchTheme } from "./theme.js";
import { Tunnel } from "./tunnel.js";
import { VIEWS } from "./views.js";

const TABS = [
  ["requests", "Requests", "list"],
  ["providers", "Providers", "server"],
  ["chat", "Chat", "chat"],
  ["history", "History", "history"],
  ["models", "Models", "box"],
  ["connect", "Connect", "plug"],
];
const IN_HEADER = new Set(["requests", "chat", "history", "models", "connect"]);
const AT_BOTTOM = new Set(["requests", "providers", "chat", "connect"]);
const ALWAYS = new Set(["requests", "providers"]);
const isThere = (view) => ALWAYS.has(view) || view in VIEWS;
const isMac = /Mac|iP(hone|ad)/.test(navigator.platform);

export function Header({ store }) {
  const [address, isLoaded] = useStore(store, (state) => [state.address, state.isLoaded]);
  return html`
    <header class="head">
      <div class="bar">
        <a class="brand" href="#/requests"><img src="dashboard/icon.svg" alt="" width="22" height="22" />Linx</a>
        <${Connection} store=${store} />
        <${Tabs} store=${store} wanted=${IN_HEADER} className="tabs" />
        <span class="gap"></span>
        <${CopyButton} text=${address} label="Copy the address for your clients" data-test="address"><code>${address}</code><//>
        <${Tunnel} store=${store} />
        <${Looks} />
        <button type="button" class="button quiet palette-open" onClick=${() => store.set({ overlay: "palette" })}
          aria-keyshortcuts=${isMac ? "Meta+K" : "Control+K"}>
          <${Icon} name="search" /><span class="unseen">Command palette</span><kbd>${isMac ? "⌘K" : "Ctrl K"}</kbd>
        </button>
      </div>
      ${isLoaded && html`<${Today} store=${store} />`}
    </header>
  `;
}

export function BottomBar({ store }) {
  return html`<${Tabs} store=${store} wanted=${AT_BOTTOM} className="bottom" />`;
}

function Tabs({ store, wanted, className }) {
  const shown = useStore(store, (state) => state.route.view);
  // Where providers have no tab of their own they stand beside the requests.
  const view = shown === "providers" && !wanted.has(shown) ? "requests" : shown;
  return html`
    <nav class=${className} aria-label="Views">
      ${TABS.filter(([name]) => wanted.has(name) && isThere(name)).map(
        ([name, title, icon]) => html`
          <a key=${name} href=${hashOf({ view: name, id: "" })} aria-current=${view === name ? "page" : undefined} data-view=${name}>
            <${Icon} name=${icon} /><span>${title}</span>
          </a>
        `,
      )}
    </nav>
  `;
}

const WORDS = { live: "Live", connecting: "Connecting…" };

function Connection({ store }) {
  const [connection, isLocked] = useStore(store, (state) => [state.connection, state.keyNeeded]);
  const isLive = connection === "live";
  useTick(1, !isLive);
  const { lastSeen } = store.state;
  const seen = lastSeen ? `Last seen ${ago(Date.now() / 1000 - lastSeen)}` : "Not reached yet";
  return html`<span class="connection" data-test="connection" data-state=${isLive ? "live" : "lost"}>
    <span class="beacon" aria-hidden="true"></span><span>${isLocked ? "Locked" : (WORDS[connection] ?? seen)}</span>
  </span>`;
}

function Looks() {
  const [dark, setDark] = useState(isDark());
  useEffect(() => watchTheme(() => setDark(isDark())), []);
  return html`<button type="button" class="button quiet" data-test="theme" aria-label=${dark ? "Light colours" : "Dark colours"}
    onClick=${toggleTheme}>
    <${Icon} name=${dark ? "sun" : "moon"} />
  </button>`;
}
