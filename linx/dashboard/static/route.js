/* Addresses inside the page: #/requests/ID, #/chat, #/connect, #/history, #/models, #/providers. An unknown one is the list. */

export const VIEWS = ["requests", "providers", "chat", "connect", "history", "models"];

export function routeOf(hash) {
  const [, view = "", id = ""] = hash.split("/");
  if (!VIEWS.includes(view)) return { view: "requests", id: "" };
  return { view, id: view === "requests" ? decoded(id) : "" };
}

export const hashOf = ({ view, id }) => (id ? `#/${view}/${encodeURIComponent(id)}` : `#/${view}`);

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
