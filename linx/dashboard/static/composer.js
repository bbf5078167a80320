/* Where a message is written: Enter sends, Shift+Enter begins a line, pictures are pasted, dropped or chosen. */

import { html, useLayoutEffect, useRef, useState } from "./vendor/preact-htm.module.js";
import { Icon } from "./icons.js";
import { filesIn, picturesOf } from "./pictures.js";

const TALLEST_PX = 220;

export function Composer({ isRunning, mayAsk, ask, stop, drafts }) {
  const [text, setText] = useState(drafts.text);
  const [pictures, setPictures] = useState(drafts.pictures);
  const [problem, setProblem] = useState("");
  const input = useRef(null);
  Object.assign(drafts, { text, pictures }); // what is written survives a look at another view
  useLayoutEffect(() => {
    input.current.style.height = "auto";
    input.current.style.height = `${Math.min(TALLEST_PX, input.current.scrollHeight + 2)}px`;
  }, [text]);
  useLayoutEffect(() => {
    // Where there is no mouse, the focus would open a keyboard over the page.
    if (matchMedia("(pointer: fine)").matches) input.current.focus({ preventScroll: true });
  }, []);

  const isSendable = mayAsk && !isRunning && Boolean(text.trim() || pictures.length);
  function send() {
    if (!isSendable) return;
    ask(text, pictures);
    setText("");
    setPictures([]);
    input.current.focus();
  }
  async function take(files) {
    if (!files.length) return;
    const { pictures: found, problem: wrong } = await picturesOf(files, pictures.length);
    setPictures((before) => [...before, ...found]);
    setProblem(wrong);
  }
  function onKeyDown(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  }
  function onTransfer(event, transfer) {
    const files = filesIn(transfer);
    if (!files.length) return;
    event.preventDefault();
    take(files);
  }
  // The keys make two buttons of stop and send: one that turned into the other during its click would send as well.
  return html`<form class="composer" onSubmit=${(event) => { event.preventDefault(); send(); }}
    onDragOver=${(event) => event.preventDefault()} onDrop=${(event) => onTransfer(event, event.dataTransfer)}>
    ${pictures.length > 0 && html`<ul class="pictures">${pictures.map((picture, index) => html`<li key=${index} data-test="chat-picture"><img src=${picture.url} alt=${picture.name} />
      <button type="button" class="button quiet small" aria-label=${`Remove ${picture.name}`} onClick=${() => setPictures(pictures.filter((_, at) => at !== index))}><${Icon} name="cross" /></button></li>`)}</ul>`}
    <p class="problem" role="alert">${problem}</p>
    <div class="composer-row">
      <textarea ref=${input} data-test="chat-input" rows="1" aria-label="Message" placeholder="Message" value=${text}
        onInput=${(event) => setText(event.target.value)} onKeyDown=${onKeyDown} onPaste=${(event) => onTransfer(event, event.clipboardData)}></textarea>
      <label class="button quiet attach" title="Add a picture"><${Icon} name="picture" /><span class="unseen">Add a picture</span>
        <input class="unseen" type="file" multiple accept="image/png,image/jpeg,image/gif,image/webp" data-test="chat-file" onChange=${(event) => { take([...event.target.files]); event.target.value = ""; }} /></label>
      ${isRunning
        ? html`<button key="stop" type="button" class="button stop" data-test="chat-stop" onClick=${stop}>Stop</button>`
        : html`<button key="send" type="submit" class="button primary" data-test="chat-send" disabled=${!isSendable}>Send</button>`}
    </div>
  </form>`;
}
