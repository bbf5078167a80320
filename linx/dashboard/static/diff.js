/* The difference of two texts, line by line, in bounded work. Pure.

Equal beginnings and ends are set aside, then lines that occur once on both sides are matched in their order (patience diff),
and what lies between two matches is compared cell by cell as long as the budget of CELLS lasts. What is left after that is
shown as taken out and put in: right, if not the shortest.
*/

const CELLS = 2_000_000;
const CONTEXT = 3;

/* Rows [kind, line], kind one of "same", "out", "in". */
export function diffLines(before, after) {
  const rows = [];
  const budget = { cells: CELLS };
  compare(before, after, rows, budget);
  return rows;
}

/* The rows with long runs of equal lines folded: items {rows} or {folded: rows}. */
export function folded(rows) {
  const items = [];
  let shown = [];
  const flush = () => {
    if (shown.length) items.push({ rows: shown });
    shown = [];
  };
  for (let at = 0; at < rows.length; ) {
    let end = at;
    while (end < rows.length && rows[end][0] === "same") end += 1;
    const before = at === 0 ? 0 : CONTEXT;
    const behind = end === rows.length ? 0 : CONTEXT;
    if (end - at > before + behind + 1) {
      shown.push(...rows.slice(at, at + before));
      flush();
      items.push({ folded: rows.slice(at + before, end - behind) });
      at = end - behind;
    }
    while (at < end) shown.push(rows[at++]);
    while (at < rows.length && rows[at][0] !== "same") shown.push(rows[at++]);
  }
  flush();
  return items;
}

function compare(before, after, rows, budget) {
  let start = 0;
  let [a, b] = [before.length, after.length];
  while (start < a && start < b && before[start] === after[start]) start += 1;
  while (a > start && b > start && before[a - 1] === after[b - 1]) [a, b] = [a - 1, b - 1];
  for (const line of before.slice(0, start)) rows.push(["same", line]);
  between(before.slice(start, a), after.slice(start, b), rows, budget);
  for (const line of before.slice(a)) rows.push(["same", line]);
}

function between(before, after, rows, budget) {
  const pairs = before.length && after.length ? uniquePairs(before, after) : [];
  if (!pairs.length) {
    byCells(before, after, rows, budget);
    return;
  }
  let [a, b] = [0, 0];
  for (const [nextA, nextB] of [...pairs, [before.length, after.length]]) {
    compare(before.slice(a, nextA), after.slice(b, nextB), rows, budget);
    if (nextA < before.length) rows.push(["same", before[nextA]]);
    [a, b] = [nextA + 1, nextB + 1];
  }
}

/* The longest row of lines that occur once on both sides and stand in the same order: pairs of places. */
function uniquePairs(before, after) {
  const places = new Map();
  before.forEach((line, at) => places.set(line, places.has(line) ? null : { a: at, b: null, times: 0 }));
  after.forEach((line, at) => {
    const place = places.get(line);
    if (place) Object.assign(place, { b: at, times: place.times + 1 });
  });
  const piles = []; // the ends of rising rows, one for each length
  for (const line of before) {
    const place = places.get(line);
    if (!place || place.times !== 1) continue;
    let [low, high] = [0, piles.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (piles[middle].b < place.b) low = middle + 1;
      else high = middle;
    }
    place.previous = piles[low - 1] ?? null;
    piles[low] = place;
  }
  const pairs = [];
  for (let place = piles.at(-1); place; place = place.previous) pairs.push([place.a, place.b]);
  return pairs.reverse();
}

/* The longest common row of lines, by the table of its lengths; without the budget for that, all out and all in. */
function byCells(before, after, rows, budget) {
  const cells = before.length * after.length;
  if (!cells || cells > budget.cells) {
    for (const line of before) rows.push(["out", line]);
    for (const line of after) rows.push(["in", line]);
    return;
  }
  budget.cells -= cells;
  const width = after.length + 1;
  const lengths = new Uint16Array((before.length + 1) * width);
  for (let a = before.length - 1; a >= 0; a -= 1) {
    for (let b = after.length - 1; b >= 0; b -= 1) {
      lengths[a * width + b] = before[a] === after[b] ? lengths[(a + 1) * width + b + 1] + 1 : Math.max(lengths[(a + 1) * width + b], lengths[a * width + b + 1]);
    }
  }
  let [a, b] = [0, 0];
  while (a < before.length || b < after.length) {
    if (a < before.length && b < after.length && before[a] === after[b]) {
      rows.push(["same", before[a]]);
      [a, b] = [a + 1, b + 1];
    } else if (a < before.length && (b === after.length || lengths[(a + 1) * width + b] >= lengths[a * width + b + 1])) rows.push(["out", before[a++]]);
    else rows.push(["in", after[b++]]);
  }
}
