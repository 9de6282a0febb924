// A thousand processings and their steps on one canvas: pan, zoom, choose, and go through it with the keys.
import { onKey } from "../keyring.js";
import { fill } from "../select.js";
import { duration, moment } from "../time.js";
import { _, number } from "../words.js";
import { cell, colours, gap, HEAD, STATES } from "./grid-paint.js";
import { Shade } from "./grid-shade.js";

const WORDS = () => [_("not run"), _("succeeded"), _("succeeded after retry"), _("will retry"), _("failed"), _("running"), _("waiting"), _("waiting"), _("cancelled"), _("skipped"), _("lost"), _("held"), _("asks a person")];
const BAD = new Set([4, 10]);
const NARROW = 3;
const USUAL = 7;
const WIDE = 28;
const LOW = 18;
const TALL = 280; // px for all rows, where they grow
const FOOT = 22; // px for what stands below the cells
const LETTER = 6.6; // px

/** @typedef {{id: number, title: string, started: string | null, seconds: number | null, error?: string, day?: string}} Column */

class XGrid extends HTMLElement {
  connectedCallback() {
    if (this.away) return;
    this.before = [...this.childNodes];
    this.away = new AbortController();
    this.wide = USUAL;
    this.left = 0;
    this.cursor = { column: -1, step: 0 };
    /** @type {[number, number] | null} */ this.chosen = null;
    void this.load(true).catch((error) => {
      if (error.name !== "AbortError") this.textContent = _("The picture could not be loaded; the table view has the same.");
    });
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    queueMicrotask(() => {
      if (this.isConnected) return;
      this.away?.abort();
      this.away = undefined;
      this.sized?.disconnect();
      this.forget?.();
      this.replaceChildren(...(this.before ?? []));
    });
  }

  /** @param {boolean} first */
  async load(first) {
    const signal = this.away?.signal;
    const answer = await fetch(new URL(this.dataset.src ?? "", document.baseURI), { signal, credentials: "same-origin", headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const told = await answer.json();
    const packed = atob(told.states);
    this.cells = Uint8Array.from(packed, (each) => each.charCodeAt(0));
    const stood = first ? null : this.columns?.[this.cursor?.column ?? -1]?.id;
    const atEnd = first || (this.left ?? 0) >= this.most - 1;
    /** @type {Column[]} */ this.columns = told.columns;
    /** @type {string[]} */ this.steps = told.steps;
    /** @type {(number | null)[]} */ this.medians = told.medians ?? [];
    this.shade = told.colour ? new Shade(told.colour, this) : null;
    this.longest = Math.max(1, ...this.columns.map((column) => column.seconds ?? 0));
    if (first) this.build();
    else this.fit();
    if (stood && this.cursor) this.cursor.column = this.columns.findIndex((column) => column.id === stood);
    if (atEnd) this.left = Infinity;
    this.draw();
  }

  build() {
    const make = (/** @type {Element} */ into, /** @type {string} */ tag, /** @type {string} */ name) => {
      const made = into.appendChild(document.createElement(tag));
      made.className = name;
      return made;
    };
    const box = document.createElement("div");
    box.className = "grid-box";
    const names = make(box, "div", "grid-names");
    for (const [at, step] of this.steps.entries()) {
      const line = make(names, "div", "");
      make(line, "span", "").textContent = step;
      if (this.medians[at]) make(line, "span", "muted").textContent = duration(this.medians[at], true);
      line.title = step;
    }
    const stage = /** @type {HTMLElement} */ (make(box, "div", "grid-canvas"));
    stage.tabIndex = 0;
    stage.setAttribute("role", "application");
    stage.setAttribute("aria-label", _("Grid of {count} processings: arrow keys move, n and N go to failures, Enter opens", { count: number(this.columns.length) }));
    const map = /** @type {HTMLElement} */ (make(box, "div", "grid-map"));
    this.canvas = /** @type {HTMLCanvasElement} */ (make(stage, "canvas", ""));
    this.small = /** @type {HTMLCanvasElement} */ (make(map, "canvas", ""));
    for (const canvas of [this.canvas, this.small]) canvas.setAttribute("aria-hidden", "true");
    this.told = document.createElement("p");
    this.told.className = "grid-told";
    this.told.setAttribute("role", "status");
    this.stage = stage;
    this.box = box;
    this.replaceChildren(box, this.told);
    if (this.shade) document.getElementById("legend")?.replaceChildren(...this.shade.legend());
    this.colours = colours(this);
    this.measure();
    this.sized = new ResizeObserver(() => this.measure());
    this.sized.observe(stage);
    this.listen(stage, map);
  }

  /** @param {HTMLElement} stage @param {HTMLElement} map */
  listen(stage, map) {
    const signal = this.away?.signal;
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    stage.addEventListener("keydown", (event) => this.key(event));
    this.forget = onKey((key) => this.next(key), [["n N", _("next, previous failure")]]);
    stage.addEventListener("pointerdown", (event) => this.press(event));
    stage.addEventListener("pointermove", (event) => !event.buttons && this.say(this.cellAt(event)));
    stage.addEventListener("pointerleave", () => this.say(this.cursor));
    const pan = (/** @type {PointerEvent} */ event) => {
      const { left, width } = map.getBoundingClientRect();
      this.pan(((event.clientX - left) / width) * this.columns.length * this.wide - stage.clientWidth / 2 - this.left);
    };
    map.addEventListener("pointerdown", (event) => {
      map.setPointerCapture(event.pointerId);
      pan(event);
    });
    map.addEventListener("pointermove", (event) => event.buttons && pan(event));
    const again = () => {
      this.colours = colours(this);
      this.shade?.again(this);
      for (const column of this.columns) delete column.day;
      this.draw();
    };
    document.addEventListener("prefer", again, { signal });
    for (const query of ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"]) matchMedia(query).addEventListener("change", again, { signal });
    let due = 0;
    document.addEventListener("live:inv", (event) => {
      const { topics, topic } = /** @type {CustomEvent} */ (event).detail;
      if (due || !(topics ?? [topic]).includes(this.dataset.topic)) return;
      due = setTimeout(() => {
        due = 0;
        void this.load(false).catch(() => {});
      }, 1000);
    }, { signal });
  }

  /** Look how wide it is, when that has changed: what pans and paints asks for no layout. */
  measure() {
    this.width = this.stage.clientWidth;
    this.from = this.stage.getBoundingClientRect().left;
    this.mapWide = this.box?.clientWidth ?? 0;
    this.font = `11px ${getComputedStyle(this).fontFamily}`;
    this.fit();
    this.draw();
  }

  /** A few processings are shown large; who has zoomed keeps what they chose. */
  fit() {
    if (this.zoomed || !this.width) return;
    this.wide = Math.max(USUAL, Math.min(WIDE, Math.floor(this.width / Math.max(1, this.columns.length))));
    this.high = Math.max(LOW, Math.min(this.wide, Math.floor(TALL / Math.max(1, this.steps.length))));
    for (const line of /** @type {NodeListOf<HTMLElement>} */ (this.querySelectorAll(".grid-names > div"))) line.style.height = line.style.lineHeight = `${this.high}px`;
  }

  /** How far it can be panned. */
  get most() {
    return Math.max(0, (this.columns?.length ?? 0) * (this.wide ?? 0) - (this.width ?? 0));
  }

  /** The state and the attempts of a cell. @param {number} column @param {number} step */
  at(column, step) {
    const byte = this.cells?.[column * this.steps.length + step] ?? 0;
    return { state: byte & 15, attempts: byte >> 4 };
  }

  draw() {
    if (this.due) return;
    this.due = requestAnimationFrame(() => {
      this.due = 0;
      if (this.width) this.paint();
    });
  }

  /** @param {HTMLCanvasElement} canvas @param {number} wide @param {number} high */
  ready(canvas, wide, high) {
    const ratio = devicePixelRatio || 1;
    if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(high * ratio)) {
      canvas.width = Math.round(wide * ratio);
      canvas.height = Math.round(high * ratio);
      canvas.style.width = `${wide}px`;
      canvas.style.height = `${high}px`;
    }
    const ctx = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, wide, high);
    return ctx;
  }

  paint() {
    const { wide, width, steps, colours: of, high: row } = /** @type {Required<this>} */ (this);
    const high = HEAD + steps.length * row + FOOT;
    this.left = Math.max(0, Math.min(this.most, this.left));
    const ctx = this.ready(this.canvas, width, high);
    const first = Math.floor(this.left / wide);
    const last = Math.min(this.columns.length - 1, Math.ceil((this.left + width) / wide));
    const brush = { ctx, colours: of, high: row };
    for (let column = first; column <= last; column += 1) {
      const x = column * wide - this.left;
      if (this.chosen && column >= this.chosen[0] && column <= this.chosen[1]) {
        ctx.globalAlpha = 0.16;
        ctx.fillStyle = of.link;
        ctx.fillRect(x, 0, wide, high);
        ctx.globalAlpha = 1;
      }
      const worst = this.worst(column);
      const bar = 3 + (30 * (this.columns[column].seconds ?? 0)) / this.longest;
      ctx.fillStyle = BAD.has(worst) ? of["fail-cell"] : worst === 5 ? of["run-cell"] : of["line2"];
      ctx.globalAlpha = BAD.has(worst) ? 1 : 0.6;
      const thick = Math.min(12, wide - gap(wide));
      ctx.fillRect(x + (wide - gap(wide) - thick) / 2, HEAD - 4 - bar, thick, bar);
      ctx.globalAlpha = 1;
      for (let step = 0; step < steps.length; step += 1) {
        const { state } = this.at(column, step);
        if (this.shade) this.shade.paint(brush, column * steps.length + step, state, x, HEAD + step * row, wide);
        else cell(brush, state, x, HEAD + step * row, wide);
      }
    }
    if (this.cursor.column >= 0) {
      ctx.strokeStyle = of.focus;
      ctx.lineWidth = 2;
      ctx.strokeRect(this.cursor.column * wide - this.left - 1, HEAD + this.cursor.step * row, wide + 1, row);
      ctx.lineWidth = 1;
    }
    this.foot(ctx, first, last, high - 6);
    this.paintMap();
  }

  /** Below wide columns their ids, below narrow ones the days on which they began: as many as have room.
   * @param {CanvasRenderingContext2D} ctx @param {number} first @param {number} last @param {number} y */
  foot(ctx, first, last, y) {
    ctx.font = this.font ?? "";
    ctx.fillStyle = this.colours?.muted ?? "";
    let [free, day] = [0, ""];
    for (let column = first; column <= last; column += 1) {
      const of = this.columns[column];
      const text = this.wide >= 20 ? String(of.id) : (of.day ??= of.started ? moment(new Date(of.started), "short", true).replace(/[ T]\d\d:.*$/, "") : day);
      const x = Math.max(2, column * this.wide - this.left + (this.wide >= 20 ? (this.wide - text.length * LETTER) / 2 : 0));
      if (text === day || x < free) continue;
      ctx.fillText(text, x, y);
      day = text;
      free = x + text.length * LETTER + 8;
    }
  }

  paintMap() {
    const of = this.colours ?? {};
    const wide = this.mapWide ?? 0;
    const map = /** @type {HTMLElement} */ (this.small?.parentElement);
    map.hidden = !this.most; // all of it is seen above
    if (map.hidden) return;
    const ctx = this.ready(/** @type {HTMLCanvasElement} */ (this.small), wide, 22);
    const share = wide / Math.max(1, this.columns.length);
    ctx.fillStyle = of["fail-cell"];
    for (let column = 0; column < this.columns.length; column += 1) if (BAD.has(this.worst(column))) ctx.fillRect(column * share, 5, Math.max(1.5, share), 12);
    ctx.strokeStyle = of.ink;
    const shown = Math.min(1, (this.width ?? 0) / Math.max(1, this.columns.length * this.wide));
    ctx.strokeRect((this.left / Math.max(1, this.columns.length * this.wide)) * wide + 0.5, 1.5, Math.max(6, shown * wide - 1), 19);
  }

  /** What decides the look of a whole column. @param {number} column */
  worst(column) {
    let worst = 0;
    for (let step = 0; step < this.steps.length; step += 1) {
      const { state } = this.at(column, step);
      if (BAD.has(state)) return state;
      if (state === 5) worst = 5;
    }
    return worst;
  }

  /** @param {number} by px */
  pan(by) {
    const before = this.left;
    this.left = Math.max(0, Math.min(this.most, this.left + by));
    this.draw();
    return this.left !== before;
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    const by = (event.deltaX || event.deltaY) * (event.deltaMode ? 18 : 1);
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      const x = event.clientX - (this.from ?? 0);
      const under = (this.left + x) / this.wide;
      this.zoomed = true;
      this.wide = Math.max(NARROW, Math.min(WIDE, this.wide * (by > 0 ? 0.87 : 1.15)));
      this.left = under * this.wide - x;
      this.draw();
    } else if (this.pan(by)) event.preventDefault(); // at its end the page goes on
  }

  /** @param {PointerEvent} event */
  cellAt(event) {
    const box = this.stage.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left + this.left) / this.wide);
    const step = Math.floor((event.clientY - box.top - HEAD) / (this.high ?? LOW));
    return { column: Math.max(0, Math.min(this.columns.length - 1, column)), step: Math.max(0, Math.min(this.steps.length - 1, step)) };
  }

  /** A click opens, a drag chooses; a finger pans. @param {PointerEvent} event */
  press(event) {
    if (event.button || !this.columns.length) return;
    const from = this.cellAt(event);
    const touch = event.pointerType === "touch";
    let [moved, x] = [false, event.clientX];
    this.stage.setPointerCapture(event.pointerId);
    const drag = (/** @type {PointerEvent} */ now) => {
      if (!moved && Math.abs(now.clientX - event.clientX) < 5) return;
      moved = true;
      if (touch) {
        this.pan(x - now.clientX);
        x = now.clientX;
      } else this.choose(from.column, this.cellAt(now).column);
    };
    this.stage.addEventListener("pointermove", drag);
    const end = (/** @type {PointerEvent} */ now) => {
      this.stage.removeEventListener("pointermove", drag);
      if (now.type === "pointercancel") return;
      this.cursor = this.cellAt(now);
      if (moved && !touch) this.tellChosen();
      else if (!moved) this.open(now.ctrlKey || now.metaKey);
      this.draw();
    };
    for (const kind of /** @type {const} */ (["pointerup", "pointercancel"])) this.stage.addEventListener(kind, end, { once: true });
  }

  /** @param {number} from @param {number} to */
  choose(from, to) {
    this.chosen = [Math.min(from, to), Math.max(from, to)];
    this.draw();
  }

  tellChosen() {
    const ids = this.chosen ? this.columns.slice(this.chosen[0], this.chosen[1] + 1).map((column) => String(column.id)) : [];
    this.dispatchEvent(new CustomEvent("grid:select", { bubbles: true, detail: { ids } }));
    const bar = document.getElementById(this.dataset.for ?? "");
    if (bar) fill(bar, ids);
  }

  /** @param {boolean} [apart] */
  open(apart) {
    const { column, step } = this.cursor;
    if (!this.columns[column] || !this.dataset.open) return;
    const place = this.dataset.open.replace("{id}", String(this.columns[column].id)).replace("{step}", encodeURIComponent(this.steps[step]));
    const url = new URL(place + (BAD.has(this.at(column, step).state) ? "#error" : ""), document.baseURI).href;
    if (apart) window.open(url, "_blank", "noopener");
    else location.assign(url);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const last = this.columns.length - 1;
    const { column, step } = this.cursor;
    const [at, start] = [column < 0 ? last : column, column < 0];
    /** @type {Record<string, () => void>} */
    const moves = {
      ArrowLeft: () => this.go(start ? last : at - 1, step, event.shiftKey),
      ArrowRight: () => this.go(start ? last : at + 1, step, event.shiftKey),
      ArrowUp: () => this.go(at, step - 1),
      ArrowDown: () => this.go(at, step + (start ? 0 : 1)),
      Home: () => this.go(0, step),
      End: () => this.go(last, step),
      KeyN: () => this.nextBad(event.shiftKey ? -1 : 1),
      Enter: () => this.open(),
      Escape: () => {
        this.chosen = null;
        this.tellChosen();
        this.draw();
      },
    };
    const move = moves[event.code] ?? moves[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    move();
  }

  /** @param {number} column @param {number} step @param {boolean} [choose] */
  go(column, step, choose = false) {
    const from = this.cursor.column;
    this.cursor = { column: Math.max(0, Math.min(this.columns.length - 1, column)), step: Math.max(0, Math.min(this.steps.length - 1, step)) };
    if (choose) {
      const anchor = this.chosen ? (this.chosen[0] === from ? this.chosen[1] : this.chosen[0]) : from;
      this.choose(anchor, this.cursor.column);
      this.tellChosen();
    }
    const x = this.cursor.column * this.wide;
    if (x < this.left || x + this.wide > this.left + (this.width ?? 0)) this.left = x - (this.width ?? 0) / 2;
    this.draw();
    this.say(this.cursor);
  }

  /** From anywhere on the page; the keys go on from there. @param {string} key */
  next(key) {
    if (key !== "n" && key !== "N") return false;
    this.stage?.focus();
    this.nextBad(key === "n" ? 1 : -1);
    return true;
  }

  /** @param {number} by */
  nextBad(by) {
    let column = this.cursor.column < 0 ? (by > 0 ? -1 : this.columns.length) : this.cursor.column;
    for (column += by; column >= 0 && column < this.columns.length; column += by)
      for (let step = 0; step < this.steps.length; step += 1) if (BAD.has(this.at(column, step).state)) return this.go(column, step);
    if (this.told) this.told.textContent = by > 0 ? _("No later failure") : _("No earlier failure");
  }

  /** Say a cell in words. @param {{column: number, step: number}} place */
  say({ column, step }) {
    const what = this.columns[column];
    if (!this.told || !what) return;
    const { state, attempts } = this.at(column, step);
    const words = [`${what.id} ${what.title}`, `${this.steps[step]} ${WORDS()[state] ?? STATES[state]}${attempts > 1 ? `, ${_("attempt {n}", { n: attempts === 15 ? "15+" : attempts })}` : ""}`];
    const shown = this.shade?.say(column * this.steps.length + step);
    if (shown) words.push(shown);
    if (what.started) words.push(moment(new Date(what.started)));
    if (what.seconds !== null) words.push(duration(what.seconds));
    if (what.error && BAD.has(state)) words.push(what.error);
    const text = words.join(" · ");
    if (this.told.textContent !== text) this.told.textContent = text;
  }
}

customElements.define("x-grid", XGrid);
