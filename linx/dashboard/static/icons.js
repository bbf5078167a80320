/* The page's few icons, drawn on a grid of 16. They decorate: what they mean always stands beside them, or in aria-label. */

import { html } from "./vendor/preact-htm.module.js";

const PATHS = {
  copy: "M5.5 5.5v-2a1 1 0 0 1 1-1h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-2M3.5 5.5h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-6a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1z",
  check: "M3 8.5l3.2 3.2L13 5",
  cross: "M4 4l8 8M12 4l-8 8",
  up: "M8 13V3.5M4 7l4-4 4 4",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3L14 14",
  sun: "M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6zM8 1.5v1.4M8 13.1v1.4M1.5 8h1.4M13.1 8h1.4M3.4 3.4l1 1M11.6 11.6l1 1M12.6 3.4l-1 1M4.4 11.6l-1 1",
  moon: "M13.5 9.6A5.8 5.8 0 0 1 6.4 2.5a5.8 5.8 0 1 0 7.1 7.1z",
  reload: "M13 8a5 5 0 1 1-1.5-3.6M13 2.5v2.6h-2.6",
  list: "M2.5 4h11M2.5 8h11M2.5 12h7",
  server: "M3 2.5h10a1 1 0 0 1 1 1v3a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1v-3a1 1 0 0 1 1-1zM3 8.5h10a1 1 0 0 1 1 1v3a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1v-3a1 1 0 0 1 1-1zM4.5 5h.01M4.5 11h.01",
  chat: "M2.5 4a1.5 1.5 0 0 1 1.5-1.5h8A1.5 1.5 0 0 1 13.5 4v5A1.5 1.5 0 0 1 12 10.5H7L4 13v-2.5A1.5 1.5 0 0 1 2.5 9z",
  plug: "M5.5 2v3M10.5 2v3M3.5 5h9v2.5a4.5 4.5 0 0 1-9 0zM8 12v2.5",
  history: "M2.5 8a5.5 5.5 0 1 0 1.8-4.1M2.5 2.5v2.8h2.8M8 5v3.2l2.2 1.3",
  box: "M8 1.8l5.5 3v6.4L8 14.2l-5.5-3V4.8zM2.7 4.9L8 7.8l5.3-2.9M8 7.8v6.2",
  home: "M2.5 7.5L8 2.8l5.5 4.7M4 6.5v6.7h8V6.5",
  picture: "M3 3.5h10a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1H3a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1zM5.2 7.2a1 1 0 1 0 0-2 1 1 0 0 0 0 2zM2.5 11.5l3.2-2.8 2.4 2 2.7-2.9 3 3.2",
  out: "M5 11L11.5 4.5M6 4.5h5.5V10",
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;
}

/* Where an answer came from: a filled house-shape for home, an arrow that leaves for paid; never colour alone. */
export function Place({ place }) {
  if (!place) return html`<span class="place"></span>`;
  const isLocal = place === "local";
  return html`<span class="place" data-place=${place} title=${isLocal ? "local: stays on your machines" : "remote: left your machines"}>
    <${Icon} name=${isLocal ? "home" : "out"} /><span class="unseen">${isLocal ? "local" : "remote"}</span>
  </span>`;
}
