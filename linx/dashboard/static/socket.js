/* The WebSocket /linx/events: opens it, hands every message to the store, opens it again with growing pauses when it ends. */

import { BASE } from "./kept.js";

const FIRST_PAUSE_S = 0.5;
const LONGEST_PAUSE_S = 10;

/* Keeps the store connected. `connect()` of what it gives back opens the socket now, with the key of the store. */
export function keepConnected(store) {
  let socket = null;
  let pause = FIRST_PAUSE_S;
  let timer = 0;

  function connect() {
    clearTimeout(timer);
    if (socket) {
      socket.onclose = null;
      socket.close();
    }
    socket = new WebSocket(urlFor(store.state.key));
    socket.onmessage = (event) => {
      pause = FIRST_PAUSE_S;
      store.receive(JSON.parse(event.data));
    };
    socket.onclose = lost;
  }

  async function lost() {
    socket = null;
    if (store.state.connection === "live") store.lose();
    // A browser does not tell why a socket was refused, so the same question over HTTP finds out whether a key is missing.
    if (await isRefused(store)) return;
    if (store.state.connection === "connecting") store.lose();
    timer = setTimeout(connect, pause * 1000 * (0.75 + Math.random() / 2));
    pause = Math.min(pause * 2, LONGEST_PAUSE_S);
  }

  function hurry() {
    if (socket || store.state.keyNeeded || document.hidden) return;
    pause = FIRST_PAUSE_S;
    connect();
  }

  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", hurry);
  connect();
  return { connect };
}

async function isRefused(store) {
  try {
    await store.api("/v1/providers/status");
  } catch (error) {
    // A key with limits may ask models, and is refused here as long as the config has it so.
    const isLimited = error.status === 403 && Boolean(store.state.key);
    if (isLimited) store.set({ keyNeeded: true, keyProblem: error.message });
    return isLimited || error.status === 401;
  }
  return false;
}

function urlFor(key) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const path = key ? `/k/${encodeURIComponent(key)}/linx/events` : "/linx/events";
  return `${scheme}//${location.host}${BASE}${path}`;
}
