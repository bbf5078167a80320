/* How components follow the store: each re-renders only when what it reads has changed. */

import { useEffect, useLayoutEffect, useReducer, useRef } from "./vendor/preact-htm.module.js";

const again = (count) => count + 1;

export function useStore(store, select) {
  const [, render] = useReducer(again, 0);
  const value = select(store.state, store);
  const last = useRef(null);
  last.current = { select, value };
  useLayoutEffect(() => {
    const look = () => {
      if (!isSame(last.current.select(store.state, store), last.current.value)) render();
    };
    look();
    return store.subscribe(look);
  }, [store]);
  return value;
}

/* The request with this id; re-renders when it, and nothing else, changes. */
export function useRequest(store, id) {
  const [, render] = useReducer(again, 0);
  useLayoutEffect(() => store.watchRequest(id, render), [store, id]);
  return store.state.requests.get(id);
}

/* Renders every `seconds` while `isOn`: for what grows with time alone. All that follow the same beat are one paint. */
export function useTick(seconds, isOn = true) {
  const [, render] = useReducer(again, 0);
  useEffect(() => (isOn ? follow(seconds, render) : undefined), [seconds, isOn]);
}

const beats = new Map();

function follow(seconds, render) {
  if (!beats.has(seconds)) beats.set(seconds, beat(seconds));
  const { followers } = beats.get(seconds);
  followers.add(render);
  return () => {
    followers.delete(render);
    if (followers.size) return;
    clearInterval(beats.get(seconds).timer);
    beats.delete(seconds);
  };
}

function beat(seconds) {
  const followers = new Set();
  const renderAll = () => followers.forEach((render) => render());
  return { followers, timer: setInterval(() => document.hidden || requestAnimationFrame(renderAll), seconds * 1000) };
}

function isSame(a, b) {
  if (Object.is(a, b)) return true;
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
  return a.every((value, index) => Object.is(value, b[index]));
}
