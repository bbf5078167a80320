/* The page: header, the view of the route, and what lies over it. Everything it shows comes from the store. */

import { html, render } from "./vendor/preact-htm.module.js";
import { Banners } from "./banners.js";
import { BottomBar, Header } from "./header.js";
import { Home } from "./home.js";
import { useStore } from "./hooks.js";
import { listenToKeys } from "./keyboard.js";
import { Overlays } from "./overlays.js";
import { Failures } from "./failures.js";
import { KeyPrompt } from "./key_prompt.js";
import { keepConnected } from "./socket.js";
import { createStore } from "./store.js";
import { applyTheme } from "./theme.js";
import { VIEWS } from "./views.js";

function App({ store, socket }) {
  const [view, connection, keyNeeded] = useStore(store, (state) => [state.route.view, state.connection, state.keyNeeded]);
  const View = VIEWS[view];
  return html`
    <div class="page" data-view=${view} data-connection=${connection}>
      <${Header} store=${store} />
      <${Banners} store=${store} />
      ${keyNeeded
        ? html`<${KeyPrompt} store=${store} socket=${socket} />`
        : View
          ? html`<main class="view" tabindex="-1"><${View} store=${store} /></main>`
          : html`<${Home} store=${store} />`}
      <${BottomBar} store=${store} />
      <${Overlays} store=${store} />
      <${Failures} store=${store} />
    </div>
  `;
}

applyTheme();
const store = createStore();
const socket = keepConnected(store);
listenToKeys(store);
render(html`<${App} store=${store} socket=${socket} />`, document.getElementById("app"));
