/* Nothing moves under the pointer: while the pointer is over the list, or the list is scrolled, rows that come in at the top
   are added above what is seen, and the list is scrolled by their height in the same frame. */

import { useLayoutEffect, useRef, useState } from "./vendor/preact-htm.module.js";

const AT_TOP_PX = 2;

/* {fresh: number of rows above that were not seen yet, toTop(), watchers: event handlers for the scrolling element}. */
export function useAnchor(scroller, ids) {
  const seen = useRef({ first: ids[0], top: 0, isInside: false, wasAtTop: true });
  const [fresh, setFresh] = useState(0);

  useLayoutEffect(() => {
    const element = scroller.current;
    const before = seen.current;
    const moved = before.first && before.first !== ids[0] ? rowOf(element, before.first) : null;
    const isHeld = before.isInside || element.scrollTop > AT_TOP_PX;
    if (moved && isHeld) {
      hold(element, element.scrollTop + moved.offsetTop - before.top);
      setFresh((number) => number + ids.indexOf(before.first));
    }
    before.first = ids[0];
    before.top = rowOf(element, ids[0])?.offsetTop ?? 0;
  }, [ids]);

  function toTop() {
    seen.current.wasAtTop = true;
    setFresh(0);
    hold(scroller.current, 0);
  }
  const watchers = {
    onPointerEnter() {
      seen.current.isInside = true;
      seen.current.wasAtTop = scroller.current.scrollTop <= AT_TOP_PX;
    },
    onPointerLeave() {
      seen.current.isInside = false;
      if (seen.current.wasAtTop) toTop();
    },
    onWheel() {
      seen.current.wasAtTop = false;
    },
    onScroll() {
      if (scroller.current.scrollTop > AT_TOP_PX) return;
      setFresh(0);
      seen.current.wasAtTop = true;
    },
  };
  return { fresh, toTop, watchers };
}

const rowOf = (element, id) => (id ? element.querySelector(`[data-id="${CSS.escape(id)}"]`) : null);

/* Scrolls there, with room below the last row where the list is shorter than that. */
function hold(element, top) {
  const rows = element.querySelector(".rows");
  rows.style.paddingBottom = "0px";
  const missing = top + element.clientHeight - (rows.offsetTop + rows.offsetHeight);
  rows.style.paddingBottom = missing > 0 && top > 0 ? `${missing}px` : "";
  element.scrollTop = top;
}
