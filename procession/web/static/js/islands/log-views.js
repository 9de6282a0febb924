// Two ways to show lines, one look. Up to 20,000 lines all are in the page, in blocks that the browser lays out only when they
// come into view, so its own search, selection and copying work. Beyond, a window of lines moves over the log: browsers cannot
// make an element as high as a million lines, so where it would be too high the bar's place is mapped onto the lines.
import { element, judge, times } from "./log-text.js";

/** @typedef {import("./log-text.js").Line} Line */
/** @typedef {import("./log-source.js").LogSource} LogSource */
/** @typedef {import("./log-source.js").About} About */

export const HIGH = 18; // px of a line
const BLOCK = 500;
const TALLEST = 8_000_000; // px; Firefox ends at 17.8 million

/** What both know of lines: their look, and which are chosen or found. */
class Lines {
  /** @param {HTMLElement} scroller @param {LogSource} source @param {About} about @param {(ms: number) => string} clock */
  constructor(scroller, source, about, clock) {
    this.scroller = scroller;
    this.source = source;
    this.clock = clock;
    this.error = about.error_line;
    /** @type {Map<number, string>} */
    this.levels = new Map();
    for (const n of about.warnings) this.levels.set(n, "warning");
    for (const n of about.errors) this.levels.set(n, "error");
    /** @type {[number, number]} */
    this.chosen = [0, -1];
    /** @type {Set<number>} */
    this.hits = new Set();
  }

  /** @param {Line} line @param {(text: string) => string} judged */
  make(line, judged) {
    const found = judged(line.text);
    const box = element(line, this.levels.get(line.n) ?? found, this.clock, this.error);
    if (found && !this.levels.has(line.n)) this.levels.set(line.n, found);
    this.dress(box, line.n);
    return box;
  }

  /** @param {Element} box @param {number} n */
  dress(box, n) {
    box.classList.toggle("sel", n >= this.chosen[0] && n <= this.chosen[1]);
    box.classList.toggle("hit", this.hits.has(n));
  }

  dressAll() {
    for (const box of this.scroller.querySelectorAll(".l")) this.dress(box, Number(/** @type {HTMLElement} */ (box).dataset.n));
  }

  atEnd() {
    const { scrollTop, clientHeight, scrollHeight } = this.scroller;
    return scrollTop + clientHeight >= scrollHeight - 2;
  }
}

/** Every line in the page. */
export class WholeLog extends Lines {
  blocks = /** @type {HTMLElement[]} */ ([]);
  judged = judge();
  /** @type {Element | null} */ newest = null;
  newestText = "";
  repeats = 1;

  /** @param {number} lines */
  start(lines) {
    this.scroller.replaceChildren();
    for (let at = 0; at * BLOCK < lines; at += 1) this.block(Math.min(BLOCK, lines - at * BLOCK));
  }

  /** @param {number} lines */
  block(lines) {
    const block = document.createElement("div");
    block.className = "log-block";
    block.style.height = `${lines * HIGH}px`;
    this.blocks.push(block);
    this.scroller.append(block);
    return block;
  }

  /** Put the lines of whole blocks in. @param {Line[]} lines */
  put(lines) {
    const first = lines[0];
    if (!first) return;
    this.judged = judge();
    this.newest = null;
    for (let at = 0; at < lines.length; at += BLOCK) {
      const part = lines.slice(at, at + BLOCK);
      const block = this.blocks[Math.floor((part[0].n - 1) / BLOCK)] ?? this.block(0);
      block.style.height = "";
      block.style.containIntrinsicSize = `auto ${part.length * HIGH}px`;
      block.replaceChildren();
      for (const line of part) this.add(block, line);
    }
  }

  /** One line more; the same line again and again is one with a number. @param {Element} block @param {Line} line */
  add(block, line) {
    if (this.newest?.parentElement === block && line.text === this.newestText && line.text && !this.levels.has(line.n)) {
      this.repeats += 1;
      times(this.newest, `×${this.repeats}`);
      /** @type {HTMLElement} */ (this.newest).dataset.last = String(line.n);
      return;
    }
    this.newest = block.appendChild(this.make(line, this.judged));
    this.newestText = line.text;
    this.repeats = 1;
  }

  /** @param {Line[]} lines @param {boolean} changed */
  append(lines, changed) {
    if (changed && lines[0]) {
      const old = this.row(lines[0].n);
      if (old && !old.dataset.last) {
        old.replaceWith((this.newest = this.make(lines[0], this.judged)));
        this.newestText = lines[0].text;
        lines = lines.slice(1);
      }
    }
    for (const line of lines) {
      const at = Math.floor((line.n - 1) / BLOCK);
      while (this.blocks.length <= at) this.block(0).style.height = "";
      this.add(this.blocks[at], line);
    }
  }

  /** The element of a line, or of the one it was folded into. @param {number} n @returns {HTMLElement | null} */
  row(n) {
    const box = document.getElementById(`L${n}`);
    if (box && this.scroller.contains(box)) return box;
    const all = /** @type {HTMLElement[]} */ ([...(this.blocks[Math.floor((n - 1) / BLOCK)]?.children ?? [])]);
    return all.find((each) => Number(each.dataset.n) <= n && Number(each.dataset.last ?? 0) >= n) ?? null;
  }

  /** @param {number} n @param {boolean} page scroll the page too */
  show(n, page) {
    const box = this.row(n);
    if (!box) return;
    if (page) box.scrollIntoView({ block: "center" });
    const { top } = box.getBoundingClientRect();
    this.scroller.scrollTop += top - this.scroller.getBoundingClientRect().top - this.scroller.clientHeight * 0.4;
  }

  top() {
    const edge = this.scroller.getBoundingClientRect().top;
    const block = this.blocks.find((each) => each.getBoundingClientRect().bottom > edge);
    const box = [...(block?.children ?? [])].find((each) => each.getBoundingClientRect().bottom > edge + 1);
    return Number(/** @type {HTMLElement | undefined} */ (box)?.dataset.n ?? 1);
  }

  toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  close() {
    this.scroller.replaceChildren();
  }
}

/** A window over lines, any number of them. */
export class WindowedLog extends Lines {
  first = 1; // the line at the top, with its fraction
  /** @type {Map<number, Line[]>} */ pieces = new Map();
  /** @type {Set<number>} */ loading = new Set();
  drawn = "";
  expected = -1;

  /** @param {number} lines */
  start(lines) {
    this.lines = lines;
    this.sizer = document.createElement("div");
    this.sizer.className = "log-sizer";
    this.pane = this.sizer.appendChild(document.createElement("div"));
    this.pane.className = "log-window";
    this.scroller.replaceChildren(this.sizer);
    this.scroller.addEventListener("scroll", this.scrolled);
    this.scroller.addEventListener("wheel", this.wheeled, { passive: false });
    this.size();
  }

  /** Lines in view. */
  get fits() {
    return Math.max(1, this.scroller.clientHeight / HIGH);
  }

  get last() {
    return Math.max(1, this.lines - this.fits + 2);
  }

  size() {
    if (this.sizer) this.sizer.style.height = `${Math.min(TALLEST, this.lines * HIGH + 8)}px`;
  }

  get mapped() {
    return this.lines * HIGH > TALLEST;
  }

  scrolled = () => {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    if (Math.abs(scrollTop - this.expected) < 1) return;
    this.expected = -1;
    this.first = this.mapped ? 1 + (scrollTop / Math.max(1, scrollHeight - clientHeight)) * (this.last - 1) : 1 + scrollTop / HIGH;
    this.draw();
  };

  /** One notch moves as many lines as anywhere else, also where the bar stands for millions. @param {WheelEvent} event */
  wheeled = (event) => {
    if (!this.mapped || event.ctrlKey || !event.deltaY) return;
    event.preventDefault();
    this.go(this.first + (event.deltaMode ? event.deltaY * 3 : event.deltaY / HIGH));
  };

  /** @param {number} first */
  go(first) {
    this.first = Math.max(1, Math.min(this.last, first));
    const { scrollHeight, clientHeight } = this.scroller;
    this.scroller.scrollTop = this.mapped ? ((this.first - 1) / Math.max(1, this.last - 1)) * (scrollHeight - clientHeight) : (this.first - 1) * HIGH;
    this.expected = this.scroller.scrollTop;
    this.draw();
  }

  draw() {
    const from = Math.max(1, Math.floor(this.first) - 30);
    const to = Math.min(this.lines, Math.ceil(this.first + this.fits) + 30);
    const judged = judge();
    const boxes = [];
    let missing = "";
    for (let n = from; n <= to; n += 1) {
      const line = this.pieces.get(Math.floor((n - 1) / BLOCK))?.[(n - 1) % BLOCK];
      if (!line) missing += `${n},`;
      boxes.push(line ?? { n, ms: null, text: "" });
    }
    const now = `${from}-${to}:${missing.length}`;
    if (now !== this.drawn) {
      this.drawn = now;
      this.pane?.replaceChildren(...boxes.map((line) => this.make(line, judged)));
    }
    const offset = this.mapped ? this.scroller.scrollTop - (this.first - from) * HIGH : (from - 1) * HIGH;
    if (this.pane) this.pane.style.transform = `translateY(${offset}px)`;
    for (let at = Math.floor((from - 1) / BLOCK); at <= Math.floor((to - 1) / BLOCK); at += 1) void this.load(at);
  }

  /** @param {number} at */
  async load(at) {
    if (this.pieces.has(at) || this.loading.has(at)) return;
    this.loading.add(at);
    try {
      this.pieces.set(at, await this.source.piece(at * BLOCK + 1, BLOCK));
      for (const old of this.pieces.keys()) if (this.pieces.size > 40 && Math.abs(old - at) > 3) this.pieces.delete(old);
      this.draw();
    } finally {
      this.loading.delete(at);
    }
  }

  /** @param {Line[]} lines @param {boolean} _changed */
  append(lines, _changed) {
    const end = this.atEnd();
    for (const line of lines) {
      const piece = this.pieces.get(Math.floor((line.n - 1) / BLOCK));
      if (piece && (line.n - 1) % BLOCK <= piece.length) piece[(line.n - 1) % BLOCK] = line;
      else if ((line.n - 1) % BLOCK === 0) this.pieces.set(Math.floor((line.n - 1) / BLOCK), [line]);
    }
    this.lines = Math.max(this.lines, lines.at(-1)?.n ?? 0);
    this.drawn = "";
    this.size();
    if (end) this.toEnd();
    else this.go(this.first);
  }

  /** @param {number} n @param {boolean} page */
  show(n, page) {
    if (page) this.scroller.scrollIntoView({ block: "nearest" });
    this.go(n - Math.floor(this.fits * 0.4));
  }

  dressAll() {
    this.drawn = "";
    this.draw();
  }

  top() {
    return Math.round(this.first);
  }

  atEnd() {
    return this.first >= this.last - 1;
  }

  toEnd() {
    this.go(this.last);
  }

  close() {
    this.scroller.removeEventListener("scroll", this.scrolled);
    this.scroller.removeEventListener("wheel", this.wheeled);
  }

  lines = 0;
  /** @type {HTMLElement | undefined} */ sizer;
  /** @type {HTMLElement | undefined} */ pane;
}
