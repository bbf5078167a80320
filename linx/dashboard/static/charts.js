/* The last hour in three charts with one cursor: tokens per second, time to the first token, requests. */

import { html, useLayoutEffect, useRef, useState } from "./vendor/preact-htm.module.js";
import { axisDuration, count, duration, NONE, rate } from "./format.js";
import { useStore } from "./hooks.js";
import { watchTheme } from "./theme.js";

const HEIGHT = 96;
const DASHES = [5, 3];
const JOINED_POINTS = 48; // four minutes

/* name, title, how a value is written, and the lines: field of the series, label, colour and dashes (never colour alone). */
const CHARTS = [
  { name: "tokens", title: "Tokens per second", isFilled: true, least: 10, write: rate, tick: count, lines: [["tokens_local", "local", "local", null], ["tokens_remote", "remote", "paid", DASHES]] },
  { name: "first-token", title: "First token", least: 500, write: duration, tick: axisDuration, lines: [["first_token_p50", "p50", "ink", null], ["first_token_p95", "p95", "soft", DASHES]] },
  { name: "requests", title: "Requests", isFilled: true, least: 3, steps: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000], tick: count, write: (value) => (value == null ? NONE : count(value)), lines: [["ok", "ok", "ink", null], ["failed", "failed", "failed", DASHES]] },
];

export function Charts({ store }) {
  return html`<div class="charts">${CHARTS.map((chart) => html`<${Chart} key=${chart.name} store=${store} chart=${chart} />`)}</div>`;
}

function Chart({ store, chart }) {
  const series = useStore(store, (state) => state.series);
  const room = useRef(null);
  const swatches = useRef([]);
  const plot = useRef(null);
  const [at, setAt] = useState(null);

  useLayoutEffect(() => {
    const draw = () => {
      plot.current?.destroy();
      plot.current = new window.uPlot(optionsOf(chart, room.current, swatches.current, setAt), dataOf(store.state.series, chart), room.current);
    };
    draw();
    const size = new ResizeObserver(() => plot.current.setSize({ width: room.current.clientWidth, height: HEIGHT }));
    size.observe(room.current);
    const unwatch = watchTheme(draw);
    return () => {
      size.disconnect();
      unwatch();
      plot.current.destroy();
    };
  }, [chart]);
  useLayoutEffect(() => plot.current?.setData(dataOf(series, chart)), [series]);

  const shown = (field) => chart.write(series?.[field]?.at(at ?? -1));
  return html`
    <figure class="chart" data-test="chart" data-name=${chart.name} aria-label=${`${chart.title}, the last hour`}>
      <figcaption><span class="chart-title">${chart.title}</span>
        ${chart.lines.map(([field, label, colour, dash], index) => html`<span class="legend" key=${field}>
          <i class="swatch" ref=${(element) => { swatches.current[index] = element; }} data-colour=${colour} data-dash=${Boolean(dash)}></i>${label} <b>${shown(field)}</b></span>`)}
      </figcaption>
      <div class="plot" ref=${room}></div>
    </figure>
  `;
}

export function dataOf(series, chart) {
  const length = series?.[chart.lines[0][0]]?.length ?? 0;
  const times = Array.from({ length }, (_, index) => series.from + index * series.step_s);
  return [times, ...chart.lines.map(([field]) => series?.[field] ?? [])];
}

function optionsOf(chart, room, swatches, setAt) {
  const colourOf = (element) => getComputedStyle(element).color;
  const faint = getComputedStyle(room).color;
  const line = getComputedStyle(room).borderTopColor;
  const axis = { stroke: faint, font: "11px system-ui, sans-serif", ticks: { show: false }, grid: { stroke: line, width: 1 } };
  return {
    width: Math.max(room.clientWidth, 60),
    height: HEIGHT,
    legend: { show: false },
    padding: [6, 6, 0, 0],
    cursor: { sync: { key: "linx" }, points: { size: 5 }, drag: { x: false, y: false }, y: false },
    scales: { y: { range: (_, low, high) => [0, Math.max(high * 1.1, chart.least)] } },
    axes: [
      { ...axis, size: 20, space: 70, grid: { show: false }, values: (_, ticks) => ticks.map((tick) => new Date(tick * 1000).toTimeString().slice(0, 5)) },
      { ...axis, size: 46, space: 28, incrs: chart.steps, values: (_, ticks) => ticks.map(chart.tick) },
    ],
    series: [
      {},
      ...chart.lines.map(([, label, , dash], index) => {
        const stroke = colourOf(swatches[index]);
        const fill = chart.isFilled && !dash ? faded(stroke) : undefined;
        return { label, stroke, width: 1.5, dash: dash ?? undefined, fill, gaps: longGaps, points: { show: true, size: 3, width: 0, fill: stroke, filter: lonely } };
      }),
    ],
    hooks: { setCursor: [(plot) => setAt(plot.cursor.idx ?? null)] },
  };
}

/* Where nothing was asked there is nothing to draw: short silences (pairs of canvas pixels) are joined, long ones stay open. */
const longGaps = (plot, _series, _from, _to, gaps) => gaps.filter(([from, to]) => to - from > (plot.bbox.width * JOINED_POINTS) / Math.max(1, plot.data[0].length));

/* The points that no line reaches, and that would not be seen without a dot. */
function lonely(plot, index) {
  const values = plot.data[index];
  const isAlone = (at) => !values.slice(Math.max(0, at - JOINED_POINTS), at).some(isThere) && !values.slice(at + 1, at + JOINED_POINTS).some(isThere);
  const found = [];
  for (let at = 0; at < values.length; at += 1) if (isThere(values[at]) && isAlone(at)) found.push(at);
  return found;
}

const isThere = (value) => value != null;
const faded = (colour) => colour.replace(/^rgb\((.*)\)$/, "rgba($1, 0.12)");
