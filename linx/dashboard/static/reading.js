/* Reads a streamed answer of Linx and tells of it at most once a frame. */

import { reader } from "./answer.js";

/* Reads `response` to its end; `tell(parts)` is called with what is understood so far. Gives the parts; throws when cut off. */
export async function readAnswer(response, tell) {
  const one = reader();
  await eachText(response, (text) => one.push(text), () => tell(one.parts));
  tell(one.end());
  return one.parts;
}

/* Calls `take` with each piece of text, and `tell` once a frame while pieces come. */
export async function eachText(response, take, tell) {
  const decoder = new TextDecoder();
  const source = response.body.getReader();
  let frame = 0;
  const paint = () => {
    frame = 0;
    tell();
  };
  try {
    for (;;) {
      const { done, value } = await source.read();
      if (done) break;
      take(decoder.decode(value, { stream: true }));
      frame ||= requestAnimationFrame(paint);
    }
    take(decoder.decode());
  } finally {
    cancelAnimationFrame(frame);
    source.cancel().catch(() => undefined); // does nothing at the end, and closes the connection where something went wrong
  }
}
