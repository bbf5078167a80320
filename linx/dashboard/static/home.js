/* The first view: providers beside charts above requests beside the opened request. */

import { html } from "./vendor/preact-htm.module.js";
import { Charts } from "./charts.js";
import { useStore } from "./hooks.js";
import { Providers } from "./providers.js";
import { Requests } from "./requests.js";
import { DETAIL } from "./views.js";

export function Home({ store }) {
  const [id, view] = useStore(store, (state) => [state.route.id, state.route.view]);
  const isOpen = Boolean(id && DETAIL);
  return html`
    <main class="home" data-open=${isOpen} data-view=${view}>
      <section class="column providers-column" aria-label="Providers"><${Providers} store=${store} /></section>
      <div class="column middle">
        <${Charts} store=${store} />
        <${Requests} store=${store} />
      </div>
      ${isOpen && html`<aside class="column detail-column" aria-label="The opened request"><${DETAIL} store=${store} /></aside>`}
    </main>
  `;
}
