/* Asks Linx over HTTP: adds base path and key, speaks JSON, and turns a refusal into an ApiError with Linx's own words. */

import { BASE } from "./kept.js";

export class ApiError extends Error {
  constructor(status, message, type = "") {
    super(message);
    this.status = status;
    this.type = type;
  }
}

export const apiFor =
  (store) =>
  async (path, { method = "GET", body, signal, raw = false, headers = {} } = {}) => {
    const sent = { ...headers };
    if (store.state.key) sent.Authorization = `Bearer ${store.state.key}`;
    if (body !== undefined) sent["Content-Type"] = "application/json";
    let response;
    try {
      response = await fetch(BASE + path, {
        method,
        headers: sent,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal,
        cache: "no-store",
        credentials: "same-origin",
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiError(0, "Linx does not answer.");
    }
    if (response.status === 401) store.set({ keyNeeded: true });
    if (!response.ok) throw await refusal(response);
    return raw ? response : response.json();
  };

async function refusal(response) {
  const text = await response.text().catch(() => "");
  try {
    const { error } = JSON.parse(text);
    return new ApiError(response.status, error.message ?? String(error), error.type ?? "");
  } catch {
    return new ApiError(response.status, text.slice(0, 400) || `Linx answered ${response.status}.`);
  }
}
