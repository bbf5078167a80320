/* The keys of the page, as one table; also what the help shows. Keys do nothing while text is typed. */

import { isRunning } from "./facts.js";
import { visible } from "./requests.js";
import { cancel } from "./row.js";
import { VIEWS } from "./views.js";

export const KEYS = [
  ["j", "next request", (store) => step(store, 1)],
  ["k", "previous request", (store) => step(store, -1)],
  ["Enter", "open it", (store) => store.state.selected && store.open(store.state.selected)],
  ["x", "cancel it", cancelSelected],
  ["r", "replay it on another model", (store) => chosen(store) && store.open(chosen(store), "replay")],
  ["/", "filter", focusFilter],
  ["p", "providers", toProviders],
  ["c", "chat", (store) => "chat" in VIEWS && store.go("chat")],
  ["?", "these keys", (store) => store.set({ overlay: "help" })],
  ["Escape", "close, clear", back],
];
const BY_KEY = new Map(KEYS.map(([key, , action]) => [key, action]));

export function listenToKeys(store) {
  addEventListener("keydown", (event) => {
    if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      store.set({ overlay: store.state.overlay === "palette" ? "" : "palette" });
      store.paintNow();
      return;
    }
    if (event.metaKey || event.ctrlKey || event.altKey || event.defaultPrevented || store.state.keyNeeded) return;
    const action = BY_KEY.get(event.key);
    if (!action || (event.key !== "Escape" && (isTyping(event.target) || store.state.overlay))) return;
    // Enter on a link or button already does what it is for.
    if (event.key === "Enter" && event.target.closest("a, button")) return;
    event.preventDefault();
    action(store);
    store.paintNow();
  });
}

const isTyping = (element) => element.closest?.("input, textarea, select, [contenteditable]") != null;
const chosen = (store) => store.state.route.id || store.state.selected;

function step(store, by) {
  const ids = visible(store.state, store.now());
  if (!ids.length) return;
  const at = ids.indexOf(chosen(store));
  const id = ids[Math.min(ids.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
  store.set({ selected: id });
  // With a request open, the keys walk through the opened requests.
  if (store.state.route.id) store.open(id);
  document.querySelector(`[data-test="request"][data-id="${CSS.escape(id)}"]`)?.scrollIntoView({ block: "nearest" });
}

function cancelSelected(store) {
  const request = store.state.requests.get(chosen(store));
  if (request && isRunning(request)) cancel(store, request.id);
}

function focusFilter(store) {
  store.go("requests");
  requestAnimationFrame(() => document.querySelector("[data-test=filter]")?.focus());
}

function toProviders(store) {
  store.go("providers");
  requestAnimationFrame(() => document.querySelector("[data-test=provider] button")?.focus());
}

/* Escape takes away one thing: what lies over the page, the opened request, the filter, the selection. */
function back(store) {
  const { state } = store;
  if (state.overlay) store.set({ overlay: "" });
  else if (isTyping(document.activeElement)) document.activeElement.blur();
  else if (state.route.view !== "requests") store.go("requests");
  else if (state.route.id) store.close();
  else if (state.filter) store.set({ filter: "" });
  else store.set({ selected: "" });
}
