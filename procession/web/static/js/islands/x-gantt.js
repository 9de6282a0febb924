// The timeline: bars, written as links, get their places; what has not ended grows; long gaps are folded.
import { duration, moment } from "../time.js";
import { _ } from "../words.js";

const FOLDED = 0.2; // of the whole width
const GAP = 4; // % that a folded gap takes
const LETTER = 6.2; // px
const MEASURES = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800];

class XGantt extends HTMLElement {
  connectedCallback() {
    if (this.away) return;
    this.away = new AbortController();
    this.behind = Date.now() / 1000 - Number(this.dataset.now); // the clock of the server counts
    this.seen = new MutationObserver(() => this.draw());
    this.sized = new ResizeObserver(() => this.wide !== this.clientWidth && this.draw());
    this.draw();
    this.sized.observe(this);
    document.addEventListener("prefer", () => this.draw(), { signal: this.away.signal });
    this.timer = setInterval(() => !document.hidden && this.querySelector('[data-to=""]') && this.draw(), 1000);
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    this.away?.abort();
    this.away = undefined;
    this.seen?.disconnect();
    this.sized?.disconnect();
    clearInterval(this.timer);
  }

  draw() {
    const bars = /** @type {HTMLElement[]} */ ([...this.querySelectorAll(".gantt-bars > a")]);
    const now = Date.now() / 1000 - (this.behind || 0);
    const span = (/** @type {HTMLElement} */ bar) => /** @type {[number, number]} */ ([Number(bar.dataset.from), bar.dataset.to ? Number(bar.dataset.to) : now]);
    if (!bars.length) return;
    this.wide = this.clientWidth;
    const ran = bars.filter((bar) => !bar.matches(".waits"));
    const line = axis(bars.map(span), (ran.length ? ran : bars).map(span));
    this.seen?.disconnect();
    this.dataset.drawn = "";
    for (const bar of bars) {
      const [left, right] = span(bar).map(line.place);
      bar.style.left = `${left}%`;
      bar.style.width = `${Math.max(0, right - left)}%`;
      narrow(bar, ((right - left) / 100) * (bar.parentElement?.clientWidth ?? 0) < 24);
      bar.title = `${bar.textContent?.trim()}\n${moment(new Date(span(bar)[0] * 1000))}`;
    }
    for (const old of this.querySelectorAll(".gap, .now, .gantt-axis")) old.remove();
    const running = bars.some((bar) => !bar.dataset.to);
    for (const row of this.querySelectorAll(".gantt-bars")) {
      for (const gap of line.gaps) row.append(piece("gap", gap.left, GAP));
      if (running) row.append(piece("now", line.place(now)));
    }
    this.prepend(this.head(line));
    this.seen?.observe(this, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-from", "data-to"] });
  }

  /** Hours above, and how long each folded gap is: as many as have room. @param {ReturnType<typeof axis>} line */
  head({ place, gaps, from, to, shown }) {
    const head = Object.assign(document.createElement("div"), { className: "gantt-axis", ariaHidden: "true" });
    const ticks = Object.assign(document.createElement("div"), { className: "ticks" });
    head.append(document.createElement("span"), ticks, document.createElement("span"));
    const wide = Math.max(60, this.querySelector(".gantt-bars")?.clientWidth ?? 0);
    /** @type {[number, number][]} */ const taken = [];
    const put = (/** @type {string} */ name, /** @type {number} */ left, /** @type {string} */ text) => {
      const long = text.length * LETTER + 8;
      const at = name === "gap" ? Math.max(0, Math.min(wide - long, (left / 100) * wide - long / 2)) : (left / 100) * wide;
      if (at + long > wide + 1 || taken.some(([begin, end]) => at < end && at + long > begin)) return null;
      taken.push([at, at + long]);
      return ticks.appendChild(Object.assign(piece(name, (100 * at) / wide), { textContent: text }));
    };
    for (const gap of gaps) put("gap", gap.left + GAP / 2, duration(gap.seconds, true))?.setAttribute("title", _("Nothing ran for {time}", { time: duration(gap.seconds) }));
    const each = MEASURES.find((measure) => shown / measure <= Math.min(6, wide / 80)) ?? 604800;
    let day = to - from > 86400 ? "" : date(from);
    for (let at = Math.ceil(from / each) * each; at <= to; at += each) {
      const left = place(at);
      if (gaps.some((gap) => left > gap.left && left < gap.left + GAP)) continue;
      const clock = when(at, each < 60 ? "clock" : "short").replace(/^.*[ T](?=\d\d:)/, "");
      const text = date(at) === day ? clock : `${date(at)}${/^00:00/.test(clock) ? "" : ` ${clock}`}`;
      if (put("tick", left, text)) day = date(at);
    }
    return head;
  }
}

const when = (/** @type {number} */ at, /** @type {string} */ kind) => moment(new Date(at * 1000), kind, true);
const date = (/** @type {number} */ at) => when(at, "short").replace(/[ T]\d\d:.*$/, "");

/** Where each moment stands, in per cent, once what nothing ran in is folded. @param {[number, number][]} all @param {[number, number][]} ran */
function axis(all, ran) {
  const from = Math.min(...all.map((span) => span[0]));
  const last = Math.max(...all.map((span) => span[1]));
  const to = Math.max(last, from + 1);
  /** @type {{from: number, seconds: number, left: number}[]} */ const gaps = [];
  let reached = from;
  for (const [start, stop] of [...ran.sort((a, b) => a[0] - b[0]), [last, last]]) {
    if (start - reached > (to - from) * FOLDED) gaps.push({ from: reached, seconds: start - reached, left: 0 });
    reached = Math.max(reached, stop);
  }
  const shown = Math.max(0.001, to - from - gaps.reduce((sum, gap) => sum + gap.seconds, 0));
  const scale = (100 - GAP * gaps.length) / shown;
  const place = (/** @type {number} */ at) => {
    let [left, before] = [0, from];
    for (const gap of gaps) {
      if (at <= gap.from) break;
      left += (gap.from - before) * scale + Math.min(1, (at - gap.from) / gap.seconds) * GAP;
      before = gap.from + gap.seconds;
    }
    return Math.max(0, Math.min(100, left + Math.max(0, at - before) * scale));
  };
  for (const gap of gaps) gap.left = place(gap.from);
  return { place, gaps, from, to, shown };
}

/** A bar too narrow to be hit is no link, only clicked like one. @param {HTMLElement} bar @param {boolean} on */
function narrow(bar, on) {
  const [from, to] = on ? ["href", "data-href"] : ["data-href", "href"];
  const place = bar.getAttribute(from);
  if (place === null) return;
  bar.setAttribute(to, place);
  bar.removeAttribute(from);
}

/** @param {string} name @param {number} left @param {number} [width] */
function piece(name, left, width) {
  const made = Object.assign(document.createElement("span"), { className: name });
  made.style.left = `${left}%`;
  if (width) made.style.width = `${width}%`;
  return made;
}

customElements.define("x-gantt", XGantt);
