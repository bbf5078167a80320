/* The page's one store: what Linx told, merged at once, and painted at most once a frame.

The contract for every view of the page
=======================================
A view is a module that exports a component `({store}) => html`…``, with `html` and the hooks from ./vendor/preact-htm.module.js.

`store.state` is read, never written, by views:
  connection   "connecting" | "live" | "lost"         lastSeen   epoch seconds of the last message
  address      "http://HOST:PORT" to give to clients  version    of Linx
  key          the key of this tab, or ""             keyNeeded  true while Linx refuses for the lack of the right key
  keyProblem   Linx's words about a key that is right, and may not see this page; or ""
  providers    Map name → PROVIDER (a new Map with each change)   requests   Map id → REQUEST (one Map; its objects are replaced)
  order        ids, newest first                      route      {view, id}, see ./route.js
  tunnel, config, series, totals, ledger, budget, capture        as Linx sends them; null before the first snapshot
  intent       what to do with the opened request, for the view that shows it: null | "replay" | "curl"
  selected     id of the row that the keyboard is on, or ""
  filter       the text of the filter
  rev          {requests, providers, series, …}: a number for each part that grows with every change of that part

`store.now()`                    the time of Linx's clock in epoch seconds
`store.subscribe(listener)`      called once a frame after changes; returns the function that ends it
`store.watchRequest(id, listener)`  the same, only when that request changed
`store.api(path, {method, body, signal, raw})`  asks Linx: base path and key are added, an object as body is sent as JSON; gives
                                 the parsed JSON, or the Response itself with `raw: true`; throws ApiError {status, message, type}
`store.open(id, intent)`         opens a request: goes to #/requests/ID     `store.close()` goes back to the list
`store.go(view)`                 goes to #/VIEW                             `store.set({…})` changes fields of the page's own
`store.say(text)`                shows a short note for some seconds        `store.useKey(key)` keeps the key for this tab

`useStore(store, select)` of ./hooks.js re-renders a component only when what `select(state)` gives has changed.
*/

import { apiFor } from "./api.js";
import { hashOf, routeOf } from "./route.js";
import { merge } from "./merge.js";
import { keptKey, keepKey } from "./kept.js";

const NOTE_S = 4;

export const emptyState = () => ({
  connection: "connecting",
  lastSeen: 0,
  clock: { at: 0, epoch: Date.now() / 1000 },
  address: location.origin,
  version: "",
  key: keptKey(),
  keyNeeded: false,
  keyProblem: "",
  capture: true,
  providers: new Map(),
  requests: new Map(),
  order: [],
  tunnel: null,
  config: null,
  series: null,
  totals: null,
  ledger: null,
  budget: null,
  route: routeOf(location.hash),
  intent: null,
  selected: "",
  filter: "",
  overlay: "",
  note: "",
  failed: [],
  isLoaded: false,
  rev: { requests: 0, providers: 0, series: 0, totals: 0, tunnel: 0, config: 0 },
});

export function createStore() {
  const state = emptyState();
  const listeners = new Set();
  const rows = new Map();
  let dirty = new Set();
  let frame = 0;
  let forgetNote = 0;

  function paint() {
    frame = 0;
    const changed = dirty;
    dirty = new Set();
    for (const listener of [...listeners]) listener();
    for (const id of changed) for (const listener of [...(rows.get(id) ?? [])]) listener();
  }

  function changed(ids = []) {
    for (const id of ids) if (rows.has(id)) dirty.add(id);
    // A hidden tab gets no frames; what came meanwhile is already merged and is painted with the first frame.
    if (!frame) frame = requestAnimationFrame(paint);
  }

  /* Also before the browser has told of the new address: the next key may come sooner. */
  function goTo(route, fields = {}) {
    store.set({ ...fields, route });
    location.hash = hashOf(route);
  }

  const store = {
    state,
    now: () => state.clock.stopped ?? state.clock.epoch + (performance.now() - state.clock.at) / 1000,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    watchRequest(id, listener) {
      if (!rows.has(id)) rows.set(id, new Set());
      rows.get(id).add(listener);
      return () => {
        rows.get(id)?.delete(listener);
        if (!rows.get(id)?.size) rows.delete(id);
      };
    },
    set(fields) {
      Object.assign(state, fields);
      changed();
    },
    /* Paint now, and not with the next frame: after a key, since the next one is meant for what it leads to. */
    paintNow() {
      if (!frame) return;
      cancelAnimationFrame(frame);
      paint();
    },
    /* The connection is lost: what is shown stands still, its times too, until the next snapshot. */
    lose() {
      store.set({ connection: "lost", clock: { ...state.clock, stopped: store.now() } });
    },
    /* A message of the WebSocket, parsed. */
    receive(message) {
      changed(merge(state, message));
    },
    go(view) {
      goTo({ view, id: "" });
    },
    open(id, intent = null) {
      goTo({ view: "requests", id }, { intent, selected: id });
    },
    close() {
      goTo({ view: "requests", id: "" }, { intent: null });
    },
    say(text) {
      clearTimeout(forgetNote);
      forgetNote = setTimeout(() => store.set({ note: "" }), NOTE_S * 1000);
      store.set({ note: text });
    },
    useKey(key) {
      keepKey(key);
      store.set({ key, keyNeeded: false, keyProblem: "" });
    },
  };
  store.api = apiFor(store);
  addEventListener("hashchange", () => store.set({ route: routeOf(location.hash) }));
  return store;
}
