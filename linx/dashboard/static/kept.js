/* What the page keeps in the browser: the key for the tab, looks and what was seen for longer. A browser that keeps nothing is fine. */

const KEY = "linx.key";

/* The part of the page's path in front of /dashboard, and the key in it, if the page was opened as /k/KEY/dashboard. */
export const BASE = location.pathname.replace(/\/dashboard\/?$/, "").replace(/\/k\/[^/]+$/, "");
const IN_PATH = /\/k\/([^/]+)\/dashboard\/?$/.exec(location.pathname)?.[1] ?? "";

export const keptKey = () => read(sessionStorage, KEY) || decodeURIComponent(IN_PATH);
export const keepKey = (key) => write(sessionStorage, KEY, key);
export const recall = (name) => read(localStorage, `linx.${name}`);
export const remember = (name, value) => write(localStorage, `linx.${name}`, value);

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
