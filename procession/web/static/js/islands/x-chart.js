// A chart of numbers over time, drawn by uPlot, which is loaded where there is one. The table inside stays for whoever wants it.
import { duration, moment } from "../time.js";
import { vendor } from "../vendor.js";
import { _ } from "../words.js";

/** @typedef {{x: number[], series: {name: string, values: (number | null)[], color?: string, points?: boolean}[], links?: string[] | null}} Told */

const COLOURS = ["run", "ok", "retry", "wait", "fail", "cancel"];

/** uPlot and its sheet. @returns {Promise<any>} */
async function library() {
  const href = new URL("../../vendor/uplot-1.6.32.min.css", import.meta.url).href;
  if (!document.querySelector(`link[href="${href}"]`)) document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href }));
  await vendor("uplot-1.6.32.iife.min.js");
  return /** @type {any} */ (globalThis).uPlot;
}

/** Distances of ticks in seconds that people read at a glance. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 432000, 864000, 2592000];
const FINE = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

/** A length of time, as fine as ticks stand apart: 1 min 30 s, 2 h 20 s, 0.05 s. @param {number} seconds */
function exact(seconds) {
  let rest = Math.round(seconds * 1000) / 1000;
  const parts = [];
  for (const [unit, size] of /** @type {[string, number][]} */ ([["d", 86400], ["h", 3600], ["min", 60], ["s", 0]])) {
    const n = size ? Math.floor(rest / size) : Number(rest.toFixed(3));
    if (n) parts.push(`${n} ${unit}`);
    rest -= n * size;
  }
  return parts.join(" ") || "0 s";
}

class XChart extends HTMLElement {
  connectedCallback() {
    if (this.away) return;
    this.away = new AbortController();
    this.sized = new ResizeObserver(() => this.chart?.setSize({ width: this.clientWidth, height: this.high }));
    void this.load().catch((error) => error.name !== "AbortError" && this.classList.add("broken"));
    document.addEventListener("prefer", () => this.draw(), { signal: this.away.signal });
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    queueMicrotask(() => {
      if (this.isConnected) return;
      this.away?.abort();
      this.away = undefined;
      this.sized?.disconnect();
      this.chart?.destroy();
      this.chart = undefined;
    });
  }

  get high() {
    return Number(this.dataset.height ?? 200);
  }

  async load() {
    const answer = fetch(new URL(this.dataset.src ?? "", document.baseURI), { signal: this.away?.signal, credentials: "same-origin", headers: { Accept: "application/json" } });
    this.library = await library();
    const told = await answer;
    if (!told.ok) throw new Error(String(told.status));
    /** @type {Told} */ this.told = await told.json();
    this.draw();
    this.sized?.observe(this);
  }

  draw() {
    const { told, library: uPlot } = this;
    if (!told || !uPlot) return;
    this.chart?.destroy();
    const probe = this.appendChild(document.createElement("i"));
    const colour = (/** @type {string} */ name) => {
      probe.style.color = `var(--${name})`;
      return getComputedStyle(probe).color;
    };
    const [ink, grid] = [colour("muted"), colour("line")];
    const unit = this.dataset.unit ?? "";
    const say = (/** @type {number | null} */ value) => (value === null || value === undefined ? "–" : unit === "s" ? duration(value) : `${Number(value.toPrecision(4))} ${unit}`);
    const kind = this.dataset.kind ?? "lines";
    const font = `11px ${getComputedStyle(this).fontFamily}`;
    const axis = { stroke: ink, font, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1, size: 4 } };
    const series = told.series.map((each, at) => {
      const stroke = colour(each.color ?? COLOURS[at % COLOURS.length]);
      const points = kind === "points" || each.points;
      return {
        label: each.name,
        stroke,
        width: points ? 0 : 1.5,
        fill: kind === "bars" ? stroke : undefined,
        paths: kind === "bars" ? uPlot.paths.bars({ size: [0.8, 40] }) : points ? () => null : undefined,
        points: { show: points, size: 5, fill: stroke, stroke },
        value: (/** @type {unknown} */ _u, /** @type {number | null} */ value) => say(value),
      };
    });
    probe.remove();
    const options = {
      width: this.clientWidth,
      height: this.high,
      scales: { x: { time: true }, ...(unit === "s" && { y: { range: (/** @type {unknown} */ _u, /** @type {number} */ _least, /** @type {number} */ most) => [0, (most || 1) * 1.08] } }) },
      cursor: { y: false, points: { size: 7 } },
      legend: { live: true },
      axes: [
        { ...axis, incrs: STEPS, values: (/** @type {unknown} */ _u, /** @type {number[]} */ at, /** @type {unknown} */ _axis, /** @type {unknown} */ _space, /** @type {number} */ apart) => at.map((each) => moment(new Date(each * 1000), apart < 60 ? "moment" : "short", true)), space: 120 },
        { ...axis, size: 84, ...(unit === "s" && { incrs: [...FINE, ...STEPS] }), values: (/** @type {unknown} */ _u, /** @type {number[]} */ at) => at.map(unit === "s" ? exact : say) },
      ],
      series: [{ label: _("Time"), value: (/** @type {unknown} */ _u, /** @type {number | null} */ at) => (at ? moment(new Date(at * 1000)) : "–") }, ...series],
    };
    const holder = this.querySelector(":scope > .drawn") ?? this.appendChild(Object.assign(document.createElement("div"), { className: "drawn" }));
    holder.replaceChildren();
    holder.setAttribute("role", "img");
    holder.setAttribute("aria-label", this.dataset.title ?? _("Chart"));
    this.chart = new uPlot(options, [told.x, ...told.series.map((each) => each.values)], holder);
    this.chart.over.addEventListener("click", () => {
      const link = told.links?.[this.chart.cursor.idx ?? -1];
      if (link) location.assign(new URL(link, document.baseURI));
    });
  }
}

customElements.define("x-chart", XChart);
