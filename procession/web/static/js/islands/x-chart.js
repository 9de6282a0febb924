// A chart of numbers over time, drawn by uPlot, which is loaded where there is one. The table inside stays for whoever wants it.
import { _ } from "../words.js";
import { duration, moment } from "../time.js";

/** @typedef {{x: number[], series: {name: string, values: (number | null)[], color?: string, points?: boolean}[], links?: string[] | null}} Told */

const COLOURS = ["run", "ok", "retry", "wait", "fail", "cancel"];

/** uPlot and its sheet, once. @returns {Promise<any>} */
async function library() {
  const of = /** @type {any} */ (globalThis);
  if (of.uPlot) return of.uPlot;
  const sheet = document.createElement("link");
  sheet.rel = "stylesheet";
  sheet.href = new URL("../../vendor/uplot-1.6.32.min.css", import.meta.url).href;
  const script = document.createElement("script");
  script.src = new URL("../../vendor/uplot-1.6.32.iife.min.js", import.meta.url).href;
  const ready = new Promise((done, failed) => {
    script.onload = done;
    script.onerror = failed;
  });
  document.head.append(sheet, script);
  await ready;
  return of.uPlot;
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
      scales: { x: { time: true } },
      cursor: { y: false, points: { size: 7 } },
      legend: { live: true },
      axes: [
        { ...axis, values: (/** @type {unknown} */ _u, /** @type {number[]} */ at) => at.map((each) => moment(new Date(each * 1000), "short", true)), space: 110 },
        { ...axis, size: 84, values: (/** @type {unknown} */ _u, /** @type {number[]} */ at) => at.map(say) },
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
