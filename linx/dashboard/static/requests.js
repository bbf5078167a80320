/* The list of requests, newest first: filter, rows, and the promise that nothing moves under the pointer. */

import { html, useMemo, useRef } from "./vendor/preact-htm.module.js";
import { useAnchor } from "./anchor.js";
import { Empty } from "./empty.js";
import { compile } from "./filter.js";
import { useStore } from "./hooks.js";
import { Icon } from "./icons.js";
import { Row } from "./row.js";

/* The ids that the filter lets through, newest first; the keyboard walks over them too. */
export function visible(state, now) {
  const filter = compiled(state.filter);
  return filter.isEmpty ? state.order : state.order.filter((id) => filter.test(state.requests.get(id), now));
}

let last = { text: "", filter: compile("") };
function compiled(text) {
  if (last.text !== text) last = { text, filter: compile(text) };
  return last.filter;
}

export function Requests({ store }) {
  const ids = useStore(store, (state) => visible(state, store.now()));
  const [isLoaded, total, filter] = useStore(store, (state) => [state.isLoaded, state.order.length, state.filter]);
  const scroller = useRef(null);
  const { fresh, toTop, watchers } = useAnchor(scroller, ids);
  const rows = useMemo(() => ids.map((id) => html`<${Row} key=${id} store=${store} id=${id} />`), [ids]);
  return html`
    <section class="requests" aria-label="Requests">
      <div class="toolbar">
        <h2 class="column-title">Requests <span class="faint" data-test="request-count">${filter ? `${ids.length} of ${total}` : total || ""}</span></h2>
        <${Filter} store=${store} />
      </div>
      ${fresh > 0 && html`<button type="button" class="fresh" onClick=${toTop}><${Icon} name="up" />${fresh} new</button>`}
      <div class="scroller" ref=${scroller} ...${watchers}>
        ${ids.length > 0 && html`<${Columns} />`}
        <ul class="rows">${rows}</ul>
        ${isLoaded && total === 0 && html`<${Empty} store=${store} />`}
        ${total > 0 && ids.length === 0 && html`<p class="nothing">Nothing matches. <button type="button" class="button small" onClick=${() => store.set({ filter: "" })}>Clear the filter</button></p>`}
      </div>
    </section>
  `;
}

function Columns() {
  return html`<div class="row columns" aria-hidden="true">
    <span class="mark"></span><span class="when">time</span><span class="names">model</span><span class="from">provider</span><span class="phase">phases</span>
    <span class="num tokens">tokens</span><span class="num rate">tok/s</span><span class="num first">first</span><span class="num time">total</span>
    <span class="num cost">cost</span><span class="who">client · key</span><span class="act"></span>
  </div>`;
}

function Filter({ store }) {
  const text = useStore(store, (state) => state.filter);
  const { problem } = compiled(text);
  return html`
    <label class="filter">
      <${Icon} name="search" /><span class="unseen">Filter</span>
      <input data-test="filter" type="search" value=${text} placeholder="model:qwen status:failed cost>0.01" spellcheck=${false} autocomplete="off"
        aria-invalid=${Boolean(problem)} aria-describedby="filter-problem" onInput=${(event) => store.set({ filter: event.target.value })} />
      <kbd>/</kbd>
    </label>
    <span id="filter-problem" class="problem filter-problem">${problem}</span>
  `;
}
