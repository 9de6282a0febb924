// A window that moves over a log of any length. Browsers cannot make an element as high as a million lines, so where it would
// be too high the bar's place is mapped onto the lines, and a notch of the wheel still moves as many lines as anywhere else.
import { judge } from "./log-text.js";
import { BLOCK, HIGH, Lines } from "./log-views.js";

/** @typedef {import("./log-text.js").Line} Line */

const TALLEST = 8_000_000; // px; Firefox ends at 17.8 million

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
    document.addEventListener("keydown", this.pressed);
    this.size();
  }

  /** It is not all in the page: the first Ctrl F is our search, the second the browser's. @param {KeyboardEvent} event */
  pressed = (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.code !== "KeyF" || document.activeElement === this.field) return;
    event.preventDefault();
    this.field?.focus();
  };

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
    document.removeEventListener("keydown", this.pressed);
  }

  lines = 0;
  /** @type {HTMLInputElement | undefined} where our search is */ field;
  /** @type {HTMLElement | undefined} */ sizer;
  /** @type {HTMLElement | undefined} */ pane;
}
