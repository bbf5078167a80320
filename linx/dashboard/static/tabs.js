/* A row of tabs and the panel of the chosen one, by keyboard as the ARIA practices have it: arrows, Home, End. */

import { html, useRef } from "./vendor/preact-htm.module.js";

/* `tabs`: rows [name, title]. The panel is `children`. */
export function Tabs({ label, tabs, chosen, choose, id, children }) {
  const row = useRef(null);
  function onKeyDown(event) {
    const at = tabs.findIndex(([name]) => name === chosen);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = (to + tabs.length) % tabs.length;
    choose(tabs[next][0]);
    row.current.children[next].focus();
  }
  return html`
    <div class="tab-row" role="tablist" aria-label=${label} ref=${row} onKeyDown=${onKeyDown}>
      ${tabs.map(([name, title]) => html`<button type="button" key=${name} role="tab" id=${`${id}-${name}`} class="tab" data-test=${`tab-${name}`}
        aria-selected=${name === chosen} aria-controls=${`${id}-panel`} tabindex=${name === chosen ? 0 : -1} onClick=${() => choose(name)}>${title}</button>`)}
    </div>
    <div class="panel" role="tabpanel" id=${`${id}-panel`} aria-labelledby=${`${id}-${chosen}`}>${children}</div>
  `;
}
