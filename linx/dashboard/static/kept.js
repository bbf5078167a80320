/* What the page keeps in the browser: the key for the tab, looks and what was seen for longer. A browser that keeps nothing is fine. */

const KEY = "linx.key";

/* The part of the page's path in front of /dashboard, and the key in it, if the page was opened as /k/KEY/dashboard. */
export const BASE = location.pathname.replace(/\/dashboard\/?$/, "").replace(/\/k\/[^/]+$/, "");
const IN_PATH = /\/k\/([^/]+)\/dashboard\/?$/.exec(location.pathname)?.[1] ?? "";

/* The key of this tab. One that stands in the address is taken out of it, so that no history, bookmark or copied link has it. */
export function keptKey() {
  if (!IN_PATH) return read(sessionStorage, KEY);
  const key = decoded(IN_PATH);
  keepKey(key);
  history.replaceState(null, "", `${BASE}/dashboard${location.search}${location.hash}`);
  return key;
}
export const keepKey = (key) => write(sessionStorage, KEY, key);
export const recall = (name) => read(localStorage, `linx.${name}`);
export const remember = (name, value) => write(localStorage, `linx.${name}`, value);

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function read(storage, name) {
  try {
    return storage.getItem(name) ?? "";
  } catch {
    return "";
  }
}

function write(storage, name, value) {
  try {
    if (value) storage.setItem(name, value);
    else storage.removeItem(name);
  } catch {
    // Nothing is kept: the page works, and asks again next time.
  }
}
