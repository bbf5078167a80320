/* A model's Markdown as elements of the page. What a model says is hostile: no HTML is ever made from it.

`marked` only takes the text apart; each piece becomes an element by the table below, and what is not in the table, HTML
above all, is shown as the text it is. Pictures are shown only if they are in the text itself (`data:`); of others the
address is shown, and nothing is fetched. Links go to http, https and mailto, and tell the other side nothing of this page.
*/

import { Lexer } from "./vendor/marked.esm.js";
import { html, useMemo } from "./vendor/preact-htm.module.js";
import { CopyButton } from "./copy.js";

/* Beyond these marked takes seconds, since it tries every pair of delimiters: such a text is shown as it is. */
const MOST_TEXT = 200_000; // characters
const MOST_DELIMITERS = 800; // between two empty lines, outside of code
const LONGEST_ADDRESS = 256; // characters in front of an @; an address of mail has at most 64 there
const ADDRESS = /^[\w.!#$%&'*+/=?^`{|}~-]*$/;
const FENCED = /^ {0,3}(```+|~~~+)[^]*?(?:^ {0,3}\1[`~]*\s*$|$(?![^]))/gm;
const NESTED = /^(?:[ \t]*(?:>|[-*+][ \t]|\d{1,9}[.)][ \t])){20}/m;
const SAFE_LINK = /^(?:https?:\/\/|mailto:)/i;
const SAFE_PICTURE = /^data:image\/(?:png|jpeg|gif|webp);base64,[a-z\d+/=]+$/i;
const ENTITY = /&(?:#\d{1,7}|#x[\da-f]{1,6}|[a-z][a-z\d]{1,31});/gi;

export function Markdown({ text }) {
  const blocks = useMemo(() => takenApart(text), [text]);
  if (!blocks) return html`<p class="as-is">${text}</p>`;
  return html`<div class="markdown">${blocks.map((token, index) => html`<${Block} key=${index} token=${token} />`)}</div>`;
}

/* While an answer streams in, only its last block changes; the others are not rendered again. */
function Block({ token }) {
  return useMemo(() => element(token), [token.type, token.raw]);
}

export function takenApart(text) {
  if (text.length > MOST_TEXT || NESTED.test(text) || hasLongAddress(text)) return null;
  const isDense = (part) => part.length > MOST_DELIMITERS && (part.match(/[*_~]/g)?.length ?? 0) > MOST_DELIMITERS;
  if (text.replace(FENCED, "").split(/\n\s*\n/).some(isDense)) return null;
  try {
    return Lexer.lex(text).filter(({ type }) => type !== "space");
  } catch {
    return null;
  }
}

/* In a long word in front of an @ marked looks from every character on whether it is an address. */
function hasLongAddress(text) {
  return text
    .split("@")
    .slice(0, -1)
    .some((part) => part.length >= LONGEST_ADDRESS && ADDRESS.test(part.slice(-LONGEST_ADDRESS)));
}

const inside = ({ tokens }) => (tokens ?? []).map(element);
const element = (token) => (Object.hasOwn(ELEMENTS, token.type) ? ELEMENTS[token.type](token) : token.raw);

const ELEMENTS = {
  space: () => null,
  def: () => null,
  paragraph: (token) => html`<p>${inside(token)}</p>`,
  heading: (token) => html`<p class="heading" role="heading" aria-level=${Math.min(6, token.depth + 2)} data-depth=${token.depth}>${inside(token)}</p>`,
  blockquote: (token) => html`<blockquote>${inside(token)}</blockquote>`,
  code: ({ text, lang }) => html`<${Code} text=${text} language=${lang} />`,
  hr: () => html`<hr />`,
  list: ({ ordered, start, items }) => (ordered ? html`<ol start=${start || 1}>${items.map(element)}</ol>` : html`<ul>${items.map(element)}</ul>`),
  list_item: (token) => html`<li>${inside(token)}</li>`,
  checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
  table: (token) => html`<div class="table" tabindex="0" role="group" aria-label="Table"><table>
    <thead><tr>${token.header.map((cell) => html`<th data-align=${cell.align}>${inside(cell)}</th>`)}</tr></thead>
    <tbody>${token.rows.map((row) => html`<tr>${row.map((cell) => html`<td data-align=${cell.align}>${inside(cell)}</td>`)}</tr>`)}</tbody>
  </table></div>`,
  text: (token) => (token.tokens ? inside(token) : decoded(token.text)),
  escape: ({ text }) => decoded(text),
  strong: (token) => html`<strong>${inside(token)}</strong>`,
  em: (token) => html`<em>${inside(token)}</em>`,
  del: (token) => html`<del>${inside(token)}</del>`,
  br: () => html`<br />`,
  codespan: ({ text }) => html`<code>${text}</code>`,
  link: (token) =>
    SAFE_LINK.test(token.href)
      ? html`<a href=${token.href} title=${token.href} target="_blank" rel="noopener noreferrer nofollow" referrerpolicy="no-referrer">${inside(token)}</a>`
      : token.raw,
  image: ({ href, text }) => (SAFE_PICTURE.test(href) ? html`<img src=${href} alt=${text} />` : html`<span class="not-fetched" title="Linx fetches no pictures">[picture: ${text} ${href}]</span>`),
};

export function Code({ text, language }) {
  return html`<figure class="code">
    <figcaption><span>${language?.split(/\s/)[0] || "code"}</span><${CopyButton} text=${text} label="Copy the code" /></figcaption>
    <pre tabindex="0"><code>${text}</code></pre>
  </figure>`;
}

let translator = null;

/* &amp; and the like; only what looks like one entity is handed to the browser, inside of an element that holds text alone. */
function decoded(text) {
  return text.replace(ENTITY, (entity) => {
    translator ??= document.createElement("textarea");
    translator.innerHTML = entity;
    return translator.value;
  });
}
