/* Light or dark: what the system says, until the user chooses; the choice is kept in this browser. */

import { recall, remember } from "./kept.js";

const listeners = new Set();
const system = matchMedia("(prefers-color-scheme: dark)");

export const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";

export function applyTheme() {
  const chosen = recall("theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
  else delete document.documentElement.dataset.theme;
  for (const listener of listeners) listener();
}

export function toggleTheme() {
  const wanted = isDark() ? "light" : "dark";
  remember("theme", wanted === (system.matches ? "dark" : "light") ? "" : wanted);
  applyTheme();
}

/* Calls the listener when the looks change; for what is drawn on a canvas. Returns the function that ends it. */
export function watchTheme(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

system.addEventListener("change", applyTheme);
