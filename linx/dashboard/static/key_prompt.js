/* Asks for the key of Linx once; it is kept for this tab. */

import { html, useEffect, useRef } from "./vendor/preact-htm.module.js";

export function KeyPrompt({ store, socket }) {
  // The prompt is made anew with each refusal.
  const problem = store.state.keyProblem || (store.state.key ? "That is not the key." : "");
  const input = useRef(null);
  useEffect(() => input.current?.focus(), []);

  async function unlock(event) {
    event.preventDefault();
    const key = input.current.value.trim();
    if (!key) return;
    store.useKey(key);
    try {
      await store.api("/v1/providers/status");
      socket.connect();
    } catch (error) {
      store.set({ keyNeeded: true, keyProblem: error.status === 401 ? "" : error.message });
    }
  }

  return html`
    <main class="gate">
      <form class="card gate-card" onSubmit=${unlock}>
        <h1>This Linx has a key</h1>
        <p>It is in <code>server.api_key</code> of the config, or was printed when Linx started. The page keeps it for this tab.</p>
        <label class="field">
          <span>Key</span>
          <input ref=${input} data-test="key-input" type="password" autocomplete="current-password" spellcheck=${false}
            aria-invalid=${Boolean(problem)} aria-describedby="key-problem" />
        </label>
        <p id="key-problem" class="problem" role="alert">${problem}</p>
        <button class="button primary" type="submit">Open</button>
      </form>
    </main>
  `;
}
