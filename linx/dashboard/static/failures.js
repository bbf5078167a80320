/* Tells a screen reader of failed requests, and of nothing else. */

import { html } from "./vendor/preact-htm.module.js";
import { providerOf, reasonOf } from "./facts.js";
import { useStore } from "./hooks.js";

export function Failures({ store }) {
  const failed = useStore(store, (state) => state.failed);
  const told = failed.map((id) => store.state.requests.get(id)).filter(Boolean);
  return html`
    <div class="unseen" role="log" aria-live="polite" aria-label="Failures" data-test="failures">
      ${told.map(
        (request) => html`<p key=${request.id}>${request.model || request.path} failed at ${providerOf(request) || "Linx"}: ${reasonOf(request)}</p>`,
      )}
    </div>
  `;
}
