/* The names of models that may be asked for, from GET /v1/models: read when a view needs them, shared by all of them. */

import { html, useEffect, useState } from "./vendor/preact-htm.module.js";

const FRESH_S = 20;
let last = { at: 0, models: [] };

/* [{id, provider, context}], in the order of Linx; what is known already at once, then what Linx says now. */
export function useModels(store) {
  const [models, setModels] = useState(last.models);
  useEffect(() => {
    let isWanted = true;
    if (performance.now() - last.at > FRESH_S * 1000 || !last.models.length) {
      read(store).then((found) => isWanted && setModels(found), () => undefined);
    }
    return () => {
      isWanted = false;
    };
  }, [store]);
  return models;
}

async function read(store) {
  const { data } = await store.api("/v1/models");
  const models = (Array.isArray(data) ? data : []).map(({ id, owned_by: provider = "", context_length: context = null }) => ({ id: String(id), provider: String(provider), context }));
  last = { at: performance.now(), models };
  return models;
}

/* A choice of a model, in groups by provider. `first` is a name that is offered even if the list does not have it. */
export function ModelSelect({ store, value, onChange, first = "", ...rest }) {
  const models = useModels(store);
  const groups = grouped(models);
  const isListed = !value || models.some(({ id }) => id === value);
  const extra = [...new Set([...(isListed ? [] : [value]), ...(first && !models.some(({ id }) => id === first) ? [first] : [])])];
  return html`<select class="select" value=${value} onChange=${(event) => onChange(event.target.value)} ...${rest}>
    ${extra.map((id) => html`<option key=${id} value=${id} selected=${id === value}>${id}</option>`)}
    ${[...groups].map(([provider, members]) => html`<optgroup key=${provider} label=${provider || "models"}>
      ${members.map(({ id }) => html`<option key=${id} value=${id} selected=${id === value}>${id}</option>`)}
    </optgroup>`)}
  </select>`;
}

function grouped(models) {
  const groups = new Map();
  for (const model of models) {
    if (!groups.has(model.provider)) groups.set(model.provider, []);
    groups.get(model.provider).push(model);
  }
  return groups;
}
