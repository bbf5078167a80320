/* A button that copies a text and says that it did. */

import { html, useState } from "./vendor/preact-htm.module.js";
import { Icon } from "./icons.js";

const SAID_S = 1.5;

export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return;
  } catch {
    // Without a secure origin (http:// over the network) there is no clipboard; a selected field can still be copied.
  }
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

export function CopyButton({ text, label, children, ...rest }) {
  const [isCopied, setCopied] = useState(false);
  async function copy() {
    await copyText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), SAID_S * 1000);
  }
  return html`<button type="button" class="copy" aria-label=${children ? undefined : label} title=${label} onClick=${copy} ...${rest}>
    ${children}<${Icon} name=${isCopied ? "check" : "copy"} />
  </button>`;
}
