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

/* Renders every `seconds` while `isOn`: for what grows with time alone. */
export function useTick(seconds, isOn = true) {
  const [, render] = useReducer(again, 0);
  useEffect(() => {
    if (!isOn) return undefined;
    const timer = setInterval(() => document.hidden || render(), seconds * 1000);
    return () => clearInterval(timer);
  }, [seconds, isOn]);
}

function isSame(a, b) {
  if (Object.is(a, b)) return true;
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
  return a.every((value, index) => Object.is(value, b[index]));
}
