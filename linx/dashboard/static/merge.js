/* What each message of /linx/events changes in the state. Pure, but for the state it is given; an unknown type changes nothing. */

export const KEPT = 500; // finished requests; running ones are always kept

/* Merges a message into the state and gives the ids of the requests that changed. */
export function merge(state, message) {
  state.lastSeen = Date.now() / 1000;
  return KINDS[message.type]?.(state, message) ?? [];
}

const KINDS = {
  snapshot(state, message) {
    state.clock = { at: performance.now(), epoch: message.now };
    state.version = message.version;
    state.address = message.address ?? state.address;
    state.capture = message.capture;
    state.providers = new Map(message.providers.map((provider) => [provider.name, provider]));
    const known = state.requests;
    state.requests = new Map(message.requests.map((request) => [request.id, unchanged(known.get(request.id), request) ?? request]));
    state.order = message.requests.map((request) => request.id);
    for (const part of ["tunnel", "config", "series", "totals", "ledger", "budget"]) state[part] = message[part] ?? null;
    state.isLoaded = true;
    state.connection = "live";
    state.keyNeeded = false;
    for (const part of Object.keys(state.rev)) state.rev[part] += 1;
    return state.order.filter((id) => state.requests.get(id) !== known.get(id));
  },
  request(state, { request }) {
    const known = state.requests.get(request.id);
    state.requests.set(request.id, request);
    if (!known) state.order = kept(state, [request.id, ...state.order]);
    if (request.phase === "failed" && known?.phase !== "failed") state.failed = [...state.failed.slice(-4), request.id];
    state.rev.requests += 1;
    return [request.id];
  },
  provider(state, { provider }) {
    state.providers = new Map(state.providers).set(provider.name, provider);
    state.rev.providers += 1;
  },
  tunnel(state, { tunnel }) {
    state.tunnel = tunnel;
    state.rev.tunnel += 1;
  },
  config(state, { config }) {
    state.config = config;
    state.rev.config += 1;
  },
  totals(state, { totals }) {
    state.totals = totals;
    state.rev.totals += 1;
  },
  budget(state, { budget }) {
    state.budget = budget;
  },
  point(state, { point }) {
    if (!state.series) return;
    const series = { ...state.series, from: state.series.from + state.series.step_s };
    for (const [name, value] of Object.entries(point)) {
      if (Array.isArray(series[name])) series[name] = [...series[name].slice(1), value];
    }
    state.series = series;
    state.rev.series += 1;
  },
};

/* The known row, if the new one says the same: what is over does not change, and need not be painted again. */
function unchanged(known, request) {
  const isSame = known && isOver(known) && known.phase === request.phase && known.duration_ms === request.duration_ms && known.has_body === request.has_body;
  return isSame ? known : undefined;
}

/* The order without the oldest finished requests beyond those that are kept. */
function kept(state, order) {
  let surplus = order.length - KEPT;
  if (surplus <= 0) return order;
  const stays = [];
  for (const id of order.toReversed()) {
    if (surplus > 0 && isOver(state.requests.get(id))) {
      state.requests.delete(id);
      surplus -= 1;
    } else stays.push(id);
  }
  return stays.reverse();
}

export const isOver = (request) => ["done", "failed", "cancelled"].includes(request.phase);
