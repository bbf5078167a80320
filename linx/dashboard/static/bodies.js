/* What was sent and answered: the client's request, the provider's, what is different between them, and the answer. */

import { html, useMemo, useState } from "./vendor/preact-htm.module.js";
import { partsOf } from "./answer.js";
import { CopyButton } from "./copy.js";
import { Difference } from "./difference.js";
import { count } from "./format.js";
import { Said } from "./said.js";
import { pretty } from "./pretty.js";
import { Tabs } from "./tabs.js";

const SHOWN_LINES = 3000; // at first: a browser lays out some ten thousand lines in a second
const TABS = [
  ["answer", "Answer"],
  ["client", "Client sent"],
  ["provider", "Provider got"],
  ["diff", "Difference"],
];

export function Bodies({ store, request, details, problem }) {
  const [tab, setTab] = useState("answer");
  const [at, setAt] = useState(null);
  const asked = details?.provider_requests ?? [];
  const place = Math.min(at ?? asked.length - 1, asked.length - 1);
  if (!details) return html`<p class="part ${problem ? "problem" : "faint"}" role=${problem ? "alert" : undefined}>${problem || "…"}</p>`;
  if (!details.client_request && !details.answer && !asked.length) return html`<p class="part soft" data-test="no-body">${whyNone(store, request)}</p>`;
  const choice = asked.length > 1 && html`<label class="which"><span class="unseen">Attempt</span><select class="select small" data-test="attempt" value=${place} onChange=${(event) => setAt(Number(event.target.value))}>
    ${asked.map((one, index) => html`<option key=${index} value=${index} selected=${index === place}>${index + 1}. ${one.provider}</option>`)}</select></label>`;
  const panels = {
    answer: () => html`<${Answer} answer=${details.answer} runs=${request.duration_ms == null} />`,
    client: () => html`<${Message} message=${details.client_request} line=${`${request.method} ${request.path}`} what="request" />`,
    provider: () => html`${choice}<${Message} message=${asked[place]} line=${asked[place] && `POST ${asked[place].path ?? ""}`} what="request" />`,
    diff: () => html`${choice}<${Difference} key=${place} before=${details.client_request} after=${asked[place]} />`,
  };
  return html`<section class="part bodies" aria-label="Bodies">
    <${Tabs} id="bodies" label="Bodies" tabs=${TABS} chosen=${tab} choose=${setTab}>${panels[tab]()}<//>
  </section>`;
}

function whyNone(store, request) {
  if (!store.state.capture) return "Bodies are not kept: server.capture is false in the config.";
  if (request.duration_ms == null) return "The bodies are there once the request has been read.";
  return "The bodies of this request are not kept any more: Linx keeps those of the last 50, in memory.";
}

/* Headers and body of a message. */
export function Message({ message, line, what }) {
  const text = useMemo(() => pretty(message?.body ?? ""), [message]);
  if (!message) return html`<p class="faint">Nobody got a ${what}.</p>`;
  return html`<div class="message">
    ${line && html`<p class="message-line"><code>${line}</code></p>`}
    <${Headers} headers=${message.headers} />
    <${Text} text=${text} copied=${message.body} isCut=${message.truncated} />
  </div>`;
}

export function Headers({ headers = [] }) {
  return html`<details class="headers"><summary>${headers.length === 1 ? "1 header" : `${headers.length} headers`}</summary>
    <dl>${headers.map(([name, value], index) => html`<div key=${index}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
  </details>`;
}

export function Text({ text, copied, isCut }) {
  const [isWhole, setWhole] = useState(false);
  const end = useMemo(() => endOf(text, SHOWN_LINES), [text]);
  const isLong = end < text.length && !isWhole;
  if (!text) return html`<p class="faint">No body.</p>`;
  return html`<div class="text-box">
    <${CopyButton} text=${copied ?? text} label="Copy the body" />
    <pre class="text" tabindex="0" data-test="body">${isLong ? text.slice(0, end) : text}</pre>
    ${isLong && html`<button type="button" class="fold" data-test="whole" onClick=${() => setWhole(true)}>⋯ ${count(text.length - end)} more characters</button>`}
    ${isCut && html`<p class="cut" data-test="truncated">Cut here: Linx keeps ${count(text.length)} characters or so of a body (256 KiB).</p>`}
  </div>`;
}

/* Where the first so many lines end. */
function endOf(text, lines) {
  let at = -1;
  for (let line = 0; line < lines; line += 1) {
    at = text.indexOf("\n", at + 1);
    if (at < 0) return text.length;
  }
  return at;
}

function Answer({ answer, runs }) {
  const [isRaw, setRaw] = useState(false);
  const parts = useMemo(() => (answer ? partsOf(answer.body ?? "") : null), [answer]);
  if (!answer) return html`<p class="faint">${runs ? "No answer yet." : "No answer is kept."}</p>`;
  const isReadable = Boolean(parts.text || parts.thinking || parts.tools.length || parts.error);
  return html`<div class="message">
    <p class="message-line"><code>${answer.status}</code>
      ${isReadable && html`<label class="raw"><input type="checkbox" checked=${isRaw} data-test="raw" onChange=${() => setRaw(!isRaw)} /> as sent</label>`}</p>
    <${Headers} headers=${answer.headers} />
    ${isReadable && !isRaw ? html`<${Said} parts=${parts} isRunning=${runs} />` : html`<${Text} text=${pretty(answer.body ?? "")} copied=${answer.body} isCut=${answer.truncated} />`}
    ${isReadable && !isRaw && answer.truncated && html`<p class="cut">Cut here: Linx keeps 256 KiB of an answer.</p>`}
  </div>`;
}
