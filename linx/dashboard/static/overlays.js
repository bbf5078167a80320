/* What lies over the page: the command palette, the list of keys, and a short note. */

import { html, useLayoutEffect, useRef } from "./vendor/preact-htm.module.js";
import { useStore } from "./hooks.js";
import { KEYS } from "./keyboard.js";
import { Palette } from "./palette.js";

const OVERLAYS = { palette: [Palette, "Command palette"], help: [Help, "Keys"] };

export function Overlays({ store }) {
  const [overlay, note] = useStore(store, (state) => [state.overlay, state.note]);
  const [Content, title] = OVERLAYS[overlay] ?? [];
  return html`
    ${Content && html`<${Dialog} key=${overlay} store=${store} title=${title}><${Content} store=${store} /><//>`}
    ${note && html`<p class="note" data-test="note">${note}</p>`}
  `;
}

/* The browser's own modal dialog: it holds the focus inside, gives it back, and closes with Escape. */
function Dialog({ store, title, children }) {
  const dialog = useRef(null);
  // The event of its closing comes late: when it is gone, another may be open already.
  const isThere = useRef(true);
  const close = () => isThere.current && store.set({ overlay: "" });
  useLayoutEffect(() => {
    dialog.current.showModal();
    return () => {
      isThere.current = false;
      dialog.current?.close();
    };
  }, []);
  return html`<dialog ref=${dialog} class="dialog" aria-label=${title} onClose=${close} onClick=${(event) => event.target === dialog.current && close()}>${children}</dialog>`;
}

function Help() {
  return html`<div class="help" data-test="help"><h2>Keys</h2>
    <dl>${[...KEYS, ["⌘K / Ctrl K", "command palette"]].map(([key, meaning]) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${meaning}</dd></div>`)}</dl>
    <h2>Filters</h2>
    <p><code>model:qwen</code> <code>status:failed</code> <code>key:anna</code> <code>cost>0.01</code> <code>time>10</code> <code>is:running</code> <code>is:paid</code> <code>-client:cursor</code></p>
  </div>`;
}
