// The timeline: the server wrote the bars as links; here they get their places, and long gaps are folded.
import { duration, moment } from "../time.js";
import { _ } from "../words.js";

const FOLDED = 0.2; // of the whole width
const SHARE = 0.04; // what a folded gap takes
const MEASURES = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800];

class XGantt extends HTMLElement {
  connectedCallback() {
    if (this.away) return;
    this.away = new AbortController();
    this.seen = new MutationObserver(() => this.draw());
    this.draw();
    document.addEventListener("prefer", () => this.draw(), { signal: this.away.signal });
    this.timer = setInterval(() => !document.hidden && this.querySelector('[data-to=""]') && this.draw(), 1000);
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    this.away?.abort();
    this.away = undefined;
    this.seen?.disconnect();
    clearInterval(this.timer);
  }

  draw() {
    const bars = /** @type {HTMLElement[]} */ ([...this.querySelectorAll(".gantt-bars > a")]);
    const now = Date.now() / 1000;
    const end = (/** @type {HTMLElement} */ bar) => (bar.dataset.to ? Number(bar.dataset.to) : now);
    const spans = bars.map((bar) => /** @type {[number, number]} */ ([Number(bar.dataset.from), end(bar)])).sort((a, b) => a[0] - b[0]);
    if (!spans.length) return;
    const { place, gaps, from, to } = axis(spans);
    this.seen?.disconnect();
    this.dataset.drawn = "";
    for (const bar of bars) {
      const [left, right] = [place(Number(bar.dataset.from)), place(end(bar))];
      bar.style.left = `${left}%`;
      bar.style.width = `${Math.max(0, right - left)}%`;
      narrow(bar, ((right - left) / 100) * (bar.parentElement?.clientWidth ?? 0) < 24);
      bar.title = `${bar.textContent?.trim()}\n${moment(new Date(Number(bar.dataset.from) * 1000))}`;
    }
    for (const old of this.querySelectorAll(".gantt-bars > .gap, .gantt-bars > .now, .gantt-axis")) old.remove();
    const running = bars.some((bar) => !bar.dataset.to);
    for (const row of this.querySelectorAll(".gantt-bars")) {
      for (const gap of gaps) row.append(piece("gap", gap.left, gap.width));
      if (running) row.append(piece("now", place(now)));
    }
    this.prepend(this.head(place, gaps, from, to));
    this.seen?.observe(this, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-from", "data-to"] });
  }

  /** Hours above, and how long each folded gap is. @param {(at: number) => number} place @param {Gap[]} gaps @param {number} from @param {number} to */
  head(place, gaps, from, to) {
    const head = document.createElement("div");
    head.className = "gantt-axis";
    head.setAttribute("aria-hidden", "true");
    const ticks = document.createElement("div");
    ticks.className = "ticks";
    head.append(document.createElement("span"), ticks, document.createElement("span"));
    const each = MEASURES.find((measure) => (to - from - gaps.reduce((sum, gap) => sum + gap.seconds, 0)) / measure <= 6) ?? 604800;
    const word = 5600 / Math.max(200, this.querySelector(".gantt-bars")?.clientWidth ?? 0);
    let free = -100;
    for (let at = Math.ceil(from / each) * each; at <= to; at += each) {
      const left = place(at);
      if (left > 100 - word || left - free < word || gaps.some((gap) => left >= gap.left - word && left <= gap.left + gap.width + word / 3)) continue;
      const tick = piece("tick", left);
      tick.textContent = moment(new Date(at * 1000), each < 60 ? "clock" : "short", true).replace(/^.*[ T](?=\d\d:)/, "");
      free = left;
      ticks.append(tick);
    }
    for (const gap of gaps) {
      const words = piece("gap", gap.left, gap.width);
      words.textContent = duration(gap.seconds, true);
      words.title = _("Nothing ran for {time}", { time: duration(gap.seconds) });
      ticks.append(words);
    }
    return head;
  }
}

/** @typedef {{from: number, seconds: number, left: number, width: number}} Gap */

/** Where each moment stands, in per cent, once gaps are folded. @param {[number, number][]} spans in order */
function axis(spans) {
  const from = spans[0][0];
  const to = Math.max(...spans.map((span) => span[1]), from + 1);
  /** @type {Gap[]} */ const gaps = [];
  let reached = spans[0][1];
  for (const [start, stop] of spans) {
    if (start - reached > (to - from) * FOLDED) gaps.push({ from: reached, seconds: start - reached, left: 0, width: 100 * SHARE });
    reached = Math.max(reached, stop);
  }
  const shown = to - from - gaps.reduce((sum, gap) => sum + gap.seconds, 0);
  const scale = (100 * (1 - SHARE * gaps.length)) / shown;
  const place = (/** @type {number} */ at) => {
    let [left, before] = [0, from];
    for (const gap of gaps) {
      if (at <= gap.from) break;
      left += (gap.from - before) * scale + Math.min(1, (at - gap.from) / gap.seconds) * gap.width;
      before = gap.from + gap.seconds;
    }
    return Math.max(0, Math.min(100, left + Math.max(0, at - before) * scale));
  };
  for (const gap of gaps) gap.left = place(gap.from);
  return { place, gaps, from, to };
}

/** A bar too narrow to be hit is no link, only clicked like one: its attempt is chosen at the log. @param {HTMLElement} bar @param {boolean} on */
function narrow(bar, on) {
  const [from, to] = on ? ["href", "data-href"] : ["data-href", "href"];
  const place = bar.getAttribute(from);
  if (place === null) return;
  bar.setAttribute(to, place);
  bar.removeAttribute(from);
}

/** @param {string} name @param {number} left @param {number} [width] */
function piece(name, left, width) {
  const made = document.createElement("span");
  made.className = name;
  made.style.left = `${left}%`;
  if (width) made.style.width = `${width}%`;
  return made;
}

customElements.define("x-gantt", XGantt);
