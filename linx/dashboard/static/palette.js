/* The command palette: everything that the page can do, found by typing. */

import { html, useRef, useState } from "./vendor/preact-htm.module.js";
import { reloadConfig } from "./banners.js";
import { copyText } from "./copy.js";
import { providerOf } from "./facts.js";
import { switchTunnel, isOn } from "./tunnel.js";
import { toggleTheme } from "./theme.js";
import { VIEWS } from "./views.js";

const SHOWN = 12;
const TITLES = { chat: "Chat", connect: "Connect a tool", history: "History", models: "Models" };

/* Rows [title, hint, action] that fit the words typed. */
export function commands(store, typed) {
  const { state } = store;
  const opened = state.route.id || state.selected;
  const all = [
    ...(opened
      ? [
          ["Replay this request on another model", "r", () => store.open(opened, "replay")],
          ["Copy this request as curl", opened, () => store.open(opened, "curl")],
        ]
      : []),
    ["Requests", "view", () => store.go("requests")],
    ["Providers", "view", () => store.go("providers")],
    ...Object.keys(VIEWS).map((view) => [TITLES[view] ?? view, "view", () => store.go(view)]),
    ["Show running requests", "is:running", () => filter(store, "is:running")],
    ["Show failed requests", "status:failed", () => filter(store, "status:failed")],
    ["Show paid requests", "is:paid", () => filter(store, "is:paid")],
    ["Clear the filter", "", () => filter(store, "")],
    ["Copy the address", state.address, () => copyText(state.address).then(() => store.say("Copied."))],
    [isOn(state.tunnel) ? "Stop the tunnel" : "Start the tunnel", state.tunnel?.type ?? "", () => switchTunnel(store)],
    ["Read the config again", state.config?.path ?? "", () => reloadConfig(store)],
    ["Light or dark colours", "", toggleTheme],
    ["Keys", "?", () => store.set({ overlay: "help" })],
    ...[...state.providers.keys()].map((name) => [`Requests of ${name}`, "provider", () => filter(store, `provider:${name}`)]),
    ...state.order.slice(0, 200).map((id) => {
      const request = state.requests.get(id);
      return [`Open ${request.model || request.path}`, `${providerOf(request)} ${id}`, () => store.open(id)];
    }),
  ];
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  return all.filter(([title, hint]) => words.every((word) => `${title} ${hint}`.toLowerCase().includes(word))).slice(0, SHOWN);
}

function filter(store, text) {
  store.go("requests");
  store.set({ filter: text });
}

export function Palette({ store }) {
  const [typed, setTyped] = useState("");
  const [at, setAt] = useState(0);
  const input = useRef(null);
  const found = commands(store, typed);
  function run(index) {
    const command = found[index];
    if (!command) return;
    store.set({ overlay: "" });
    command[2]();
    store.paintNow();
  }
  function onKeyDown(event) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) setAt((at + by + found.length) % Math.max(1, found.length));
    else if (event.key === "Enter") run(at);
    else return;
    event.preventDefault();
  }
  return html`
    <div class="palette" data-test="palette">
      <input ref=${input} autofocus type="text" role="combobox" aria-expanded="true" aria-controls="commands" aria-activedescendant=${`command-${at}`}
        aria-label="Command" placeholder="What do you want to do?" spellcheck=${false} autocomplete="off" value=${typed}
        onInput=${(event) => { setTyped(event.target.value); setAt(0); }} onKeyDown=${onKeyDown} />
      <ul id="commands" role="listbox" aria-label="Commands">
        ${found.map(([title, hint], index) => html`<li key=${title + hint} id=${`command-${index}`} role="option" aria-selected=${index === at}
          onPointerMove=${() => setAt(index)} onClick=${() => run(index)}><span>${title}</span><span class="faint">${hint}</span></li>`)}
        ${!found.length && html`<li class="faint" role="option" aria-disabled="true" aria-selected="false">Nothing is called that.</li>`}
      </ul>
    </div>
  `;
}
