// Two ways to show lines, one look. Up to 20,000 lines all are in the page, in blocks that the browser lays out only when they
// come into view, so its own search, selection and copying work. Beyond, see log-window.js.
import { element, judge, times } from "./log-text.js";

/** @typedef {import("./log-text.js").Line} Line */
/** @typedef {import("./log-source.js").LogSource} LogSource */
/** @typedef {import("./log-source.js").About} About */

export const HIGH = 18; // px of a line
export const BLOCK = 500;

/** What both know of lines: their look, and which are chosen or found. */
export class Lines {
  /** @param {HTMLElement} scroller @param {LogSource} source @param {About} about @param {(ms: number) => string} clock */
  constructor(scroller, source, about, clock) {
    this.scroller = scroller;
    this.source = source;
    this.clock = clock;
    this.error = about.error_line;
    /** @type {Map<number, string>} */
    this.levels = new Map();
    for (const n of about.warnings) this.levels.set(n, "warning");
    for (const n of [...about.errors, about.error_line ?? 0]) this.levels.set(n, "error"); // the last words, too
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
  /** @type {(() => void) | null} */ going = null;

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
    this.twice(() => {
      const box = this.row(n);
      if (!box) return;
      if (page) box.scrollIntoView({ block: "center" });
      const { top } = box.getBoundingClientRect();
      this.scroller.scrollTop += top - this.scroller.getBoundingClientRect().top - this.scroller.clientHeight * 0.4;
    });
  }

  /** Blocks have their true height only once they are laid out, so what goes somewhere goes there again. @param {() => void} go */
  twice(go) {
    go();
    const { scrollTop } = this.scroller;
    this.going = go;
    requestAnimationFrame(() => this.going === go && Math.abs(this.scroller.scrollTop - scrollTop) < 1 && go());
  }

  top() {
    const edge = this.scroller.getBoundingClientRect().top;
    const block = this.blocks.find((each) => each.getBoundingClientRect().bottom > edge);
    const box = [...(block?.children ?? [])].find((each) => each.getBoundingClientRect().bottom > edge + 1);
    return Number(/** @type {HTMLElement | undefined} */ (box)?.dataset.n ?? 1);
  }

  toEnd() {
    this.twice(() => {
      this.scroller.scrollTop = this.scroller.scrollHeight;
    });
  }

  close() {
    this.scroller.replaceChildren();
  }
}
