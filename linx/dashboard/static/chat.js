/* Chat with any model through this Linx: it streams, can be stopped, and shows who answered and what it cost. */

import { html, useLayoutEffect, useReducer, useRef } from "./vendor/preact-htm.module.js";
import { Composer } from "./composer.js";
import { createConversation } from "./conversation.js";
import { CopyButton } from "./copy.js";
import { count, duration, money, rate } from "./format.js";
import { useRequest } from "./hooks.js";
import { Place } from "./icons.js";
import { ModelSelect, useModels } from "./models_list.js";
import { hashOf } from "./route.js";
import { Said } from "./said.js";

const AT_END_PX = 48;
const conversation = createConversation();
const drafts = { text: "", pictures: [] };

export const chatWith = (model) => conversation.choose(model);

export function Chat({ store }) {
  const [, render] = useReducer((number) => number + 1, 0);
  // Before the browser paints: what comes between the first rendering and the subscription would not be shown.
  useLayoutEffect(() => conversation.subscribe(render), []);
  const models = useModels(store);
  const { state } = conversation;
  // The model of last time may be gone: then the first of the list is asked.
  const model = models.some(({ id }) => id === state.model) ? state.model : (models[0]?.id ?? state.model);
  return html`<div class="chat">
    <header class="view-head">
      <h1 class="view-title">Chat</h1>
      <label class="chat-model"><span class="unseen">Model</span><${ModelSelect} store=${store} value=${model} onChange=${conversation.choose} data-test="chat-model" /></label>
      <span class="gap"></span>
      ${state.messages.length > 0 && html`<button type="button" class="button small" data-test="chat-new" onClick=${conversation.begin}>New chat</button>`}
    </header>
    <${Messages} store=${store} messages=${state.messages} model=${model} />
    <${Composer} isRunning=${Boolean(state.running)} mayAsk=${Boolean(model)} drafts=${drafts} stop=${conversation.stop} ask=${(text, pictures) => conversation.ask(store, model, text, pictures)} />
  </div>`;
}

function Messages({ store, messages, model }) {
  const room = useRef(null);
  const isAtEnd = useRef(true);
  // Follows the answer, unless the reader has scrolled up.
  useLayoutEffect(() => {
    if (isAtEnd.current) room.current.scrollTop = room.current.scrollHeight;
  });
  const onScroll = () => {
    const { scrollTop, scrollHeight, clientHeight } = room.current;
    isAtEnd.current = scrollHeight - scrollTop - clientHeight < AT_END_PX;
  };
  return html`<div class="messages" ref=${room} onScroll=${onScroll} tabindex="0" role="group" aria-label="Messages">
    <div class="messages-width">
      ${!messages.length && html`<${Beginning} model=${model} />`}
      ${messages.map((message, index) => message.role === "user"
        ? html`<${Question} key=${message.number} message=${message} />`
        : html`<${Answer} key=${message.number} store=${store} message=${message} model=${model} isLast=${index === messages.length - 1} />`)}
    </div>
  </div>`;
}

function Beginning({ model }) {
  return html`<div class="chat-beginning">
    ${!model && html`<p data-test="chat-no-model">No provider has told of a model yet.</p>`}
    <label class="field"><span>Instructions for the model (system), if any</span>
      <textarea rows="2" data-test="chat-system" value=${conversation.state.system} onInput=${(event) => { conversation.state.system = event.target.value; }}></textarea></label>
    <p class="soft">What you write goes through this Linx as any client's request, and is in the list of requests. The chat itself is kept in this tab alone.</p>
  </div>`;
}

function Question({ message }) {
  return html`<article class="question" aria-label="You" data-test="chat-question">
    ${message.text}${message.pictures.length > 0 && html`<div class="pictures">${message.pictures.map(({ url, name }, index) => html`<img key=${index} src=${url} alt=${name} />`)}</div>`}
  </article>`;
}

function Answer({ store, message, model, isLast }) {
  const { parts, isRunning, isStopped } = message;
  return html`<article class="answer" aria-label=${`Answer of ${message.model}`} data-running=${isRunning}>
    <${Said} parts=${parts} isRunning=${isRunning} test="chat-answer" />
    ${isRunning && !parts.text && !parts.thinking && html`<${Waiting} store=${store} message=${message} />`}
    <p class="answer-facts">
      <${Facts} store=${store} message=${message} />
      ${isStopped && html`<span data-test="chat-stopped">stopped</span>`}
      <span class="gap"></span>
      ${!isRunning && parts.text && html`<${CopyButton} text=${parts.text} label="Copy the answer" />`}
      ${!isRunning && isLast && html`<button type="button" class="button quiet small" data-test="chat-again" onClick=${() => conversation.again(store, model)}>Ask again</button>`}
    </p>
  </article>`;
}

function Waiting({ store, message }) {
  const place = useRequest(store, message.id)?.queue;
  return html`<p class="faint">waits for ${message.model}${place ? `, #${place} in the queue` : ""}…</p>`;
}

/* Who answered, how fast, for how much: from the request as Linx tells of it, as soon as it does. */
function Facts({ store, message }) {
  const request = useRequest(store, message.id);
  const { parts, firstMs, ms } = message;
  const tokens = parts.tokens?.completion;
  const seconds = (ms - firstMs) / 1000;
  return html`
    ${request?.local != null && html`<${Place} place=${request.local ? "local" : "paid"} />`}
    <span>${parts.model || message.model}${message.provider && ` at ${message.provider}`}</span>
    ${firstMs != null && html`<span title="first token">${duration(firstMs)}</span>`}
    ${tokens != null && html`<span>${count(tokens)} tok</span>`}
    ${tokens != null && ms != null && firstMs != null && seconds > 0.05 && html`<span>${rate(tokens / seconds)} tok/s</span>`}
    ${request?.cost_usd > 0 && html`<span>${money(request.cost_usd)}</span>`}
    ${message.id && html`<a href=${hashOf({ view: "requests", id: message.id })}>request</a>`}
  `;
}
