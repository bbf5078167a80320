/* What a model said: thinking apart, the text as Markdown, tool calls, and what went wrong. */

import { html } from "./vendor/preact-htm.module.js";
import { Markdown } from "./markdown.js";
import { pretty } from "./pretty.js";

export function Said({ parts, isRunning = false, test = "said" }) {
  const { text, thinking, tools, error } = parts;
  return html`
    ${thinking && html`<details class="thinking" data-test="thinking" open=${isRunning && !text}><summary>Thinking</summary><p>${thinking}</p></details>`}
    <div class="said" data-test=${test} aria-busy=${isRunning || undefined}>${text && html`<${Markdown} text=${text} />`}</div>
    ${tools.map((tool, index) => html`<figure class="tool" key=${index} data-test="tool-call">
      <figcaption>calls <code>${tool.name || "a tool"}</code></figcaption><pre tabindex="0">${pretty(tool.input)}</pre></figure>`)}
    ${error && html`<p class="problem" role="alert">${error}</p>`}
  `;
}
