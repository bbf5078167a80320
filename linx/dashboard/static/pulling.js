/* Downloads a model through an Ollama: it tells of its progress, one JSON value a line. */

import { eachText } from "./reading.js";

/* Calls `tell({status, done, total})`; bytes are those of all layers. Throws where the Ollama says what is wrong. */
export async function pull(store, model, signal, tell) {
  const response = await store.api("/api/pull", { method: "POST", body: { model }, signal, raw: true });
  const layers = new Map();
  let pending = "";
  let now = { status: "is asked", done: 0, total: 0 };
  let problem = "";
  await eachText(
    response,
    (text) => {
      const lines = (pending + text).split("\n");
      pending = lines.pop();
      for (const line of lines) read(line);
    },
    () => tell(now),
  );
  read(pending);
  tell(now);
  if (problem) throw new Error(problem);
  if (now.status !== "success") throw new Error("The download broke off.");

  function read(line) {
    if (!line.trim()) return;
    let row;
    try {
      row = JSON.parse(line);
    } catch {
      return;
    }
    if (row.error) problem = typeof row.error === "string" ? row.error : (row.error.message ?? "The download failed.");
    if (row.digest && row.total) layers.set(row.digest, row);
    const sum = (field) => [...layers.values()].reduce((all, layer) => all + (layer[field] ?? 0), 0);
    now = { status: row.status ?? now.status, done: sum("completed"), total: sum("total") };
  }
}
