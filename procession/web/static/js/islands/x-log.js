// The log viewer. What it asks the server is in README.md.
import { onKey } from "../keyring.js";
import { moment } from "../time.js";
import { _, number } from "../words.js";
import { LogSource, MOST } from "./log-source.js";
import { WholeLog } from "./log-views.js";

/** @typedef {import("./log-source.js").About} About */

const WHOLE = 20_000; // lines that a page holds well
const clock = (/** @type {number} */ ms) => moment(new Date(ms), "clock", true);

export class XLog extends HTMLElement {
  connectedCallback() {
    if (this.source) return; // moved, not made
    const bars = [...this.querySelectorAll(":scope > [data-bar]")];
    this.before = [...this.childNodes];
    this.source = new LogSource(this.dataset.src ?? "");
    this.away = new AbortController();
    this.follow = false;
    this.unseen = 0;
    /** @type {number[]} */ this.found = [];
    this.at = -1;
    this.begin(bars);
  }

  /** @param {Element[]} bars */
  begin(bars) {
    this.open(bars).catch((error) => error.name === "AbortError" || this.tool("failed", bars));
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    queueMicrotask(() => {
      if (this.isConnected) return;
      this.source?.close();
      this.away?.abort();
      this.forget?.();
      this.view?.close();
      this.source = undefined;
      this.replaceChildren(...(this.before ?? []));
    });
  }

  /** @param {Element[]} bars */
  async open(bars) {
    const source = /** @type {LogSource} */ (this.source);
    this.about = await source.about();
    this.build(bars);
    const target = this.target();
    await this.fill(target);
    const live = (/** @type {any} */ event) => event.detail;
    const { signal } = /** @type {AbortController} */ (this.away);
    source.onLines = (lines, changed) => this.came(lines, changed);
    document.addEventListener("live:log", (event) => live(event).topic === this.dataset.topic && source.hear(live(event)), { signal });
    for (const kind of ["live:open", "live:poll"]) document.addEventListener(kind, () => source.live && void source.catchUp(), { signal });
    document.addEventListener("live:end", (event) => live(event).topic === this.dataset.topic && void this.ended().catch(() => {}), { signal });
    document.addEventListener("prefer", () => this.times(), { signal });
    addEventListener("hashchange", () => this.visit(), { signal });
    this.forget = onKey((key) => this.key(key), [
      ["f", _("follow the log")], ["e E", _("next, previous error")], ["w", _("wrap lines")], ["t", _("times of lines")], ["g g", _("start of the log")], ["G", _("its end")],
    ]);
    if (source.live) void source.catchUp();
    const find = new URLSearchParams(location.search).get("find");
    if (find && this.field) {
      this.field.value = find;
      void this.tool("search");
    }
  }

  /** Where it opens: a line of the address, the error, the end, or the start. */
  target() {
    const about = /** @type {About} */ (this.about);
    const named = /^#L(\d+)(?:-L?(\d+))?$/.exec(location.hash);
    if (named) return { line: Number(named[1]), to: Number(named[2] ?? named[1]), page: true };
    const wish = location.hash === "#error" ? "error" : (this.dataset.at ?? (about.live ? "end" : about.state === "failed" ? "error" : "start"));
    if (wish === "error") return { line: about.error_line ?? about.errors.at(-1) ?? about.lines, to: 0, page: location.hash === "#error" };
    return { line: wish === "end" ? about.lines : 1, to: 0, page: false };
  }

  /** @param {{line: number, to: number, page: boolean}} target */
  async fill(target) {
    const source = /** @type {LogSource} */ (this.source);
    const about = /** @type {About} */ (this.about);
    const scroller = /** @type {HTMLElement} */ (this.scroller);
    const whole = about.lines <= WHOLE;
    const Kind = whole ? WholeLog : (await import("./log-window.js")).WindowedLog;
    const view = new Kind(scroller, source, about, clock);
    this.view = view;
    view.start(about.lines);
    if (target.to) view.chosen = [target.line, target.to];
    this.follow = about.live && target.line >= about.lines && !target.to;
    const place = () => (this.follow ? view.toEnd() : target.line > 1 && view.show(target.line, target.page));
    scroller.style.setProperty("--digits", String(Math.max(4, String(about.lines).length)));
    this.classList.toggle("short", about.lines < 40 && !about.live);
    if (!(view instanceof WholeLog)) {
      view.field = this.field;
      if (about.live) await source.piece(Math.max(1, about.lines), 1, true);
      view.lines = Math.max(about.lines, source.lines);
      place();
    } else {
      const pieces = Array.from({ length: Math.ceil(about.lines / MOST) }, (_each, at) => at);
      const own = Math.floor((Math.max(1, target.line) - 1) / MOST);
      for (const at of [own, ...pieces.filter((each) => each !== own)]) {
        if (about.lines) view.put(await source.piece(at * MOST + 1, Math.min(MOST, about.lines - at * MOST)));
        if (at === own) place();
        if (this.view !== view) return;
      }
      await source.piece(about.lines + (about.lines ? 0 : 1), 1, true);
      if (this.follow) view.toEnd();
    }
    scroller.addEventListener("scroll", () => this.scrolled(), { signal: this.away?.signal });
    this.state();
    this.map();
  }

  /** @param {import("./log-text.js").Line[]} lines @param {boolean} changed */
  came(lines, changed) {
    const follow = this.follow;
    this.view?.append(lines, changed);
    const fresh = lines.length - (changed ? 1 : 0);
    if (follow) this.view?.toEnd();
    else this.unseen += fresh;
    this.state();
    this.map();
  }

  async ended() {
    const source = /** @type {LogSource} */ (this.source);
    await source.catchUp();
    this.about = await source.about();
    this.follow = false;
    this.state();
    this.map();
  }

  scrolled() {
    const end = this.view?.atEnd() ?? false;
    if (this.source?.live) this.follow = end;
    if (end) this.unseen = 0;
    this.state();
  }

  /** @param {Element[]} bars */
  build(bars) {
    const about = /** @type {About} */ (this.about);
    const bar = document.createElement("div");
    bar.className = "log-bar";
    this.field = bar.appendChild(document.createElement("input"));
    Object.assign(this.field, { type: "search", placeholder: _("Search this log ( / )") });
    this.field.setAttribute("aria-label", _("Search this log"));
    this.field.setAttribute("data-key", "/");
    let wait = 0;
    this.field.addEventListener("input", () => {
      clearTimeout(wait);
      wait = setTimeout(() => void this.tool("search"), 250);
    });
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") void this.tool("step", event.shiftKey ? -1 : 1);
      if (event.key === "Escape") this.scroller?.focus();
    });
    this.regex = this.button(bar, ".*", _("Regular expression"), () => this.switch(this.regex, () => void this.tool("search")));
    this.exact = this.button(bar, "Aa", _("Upper and lower case as typed"), () => this.switch(this.exact, () => void this.tool("search")));
    this.count = bar.appendChild(document.createElement("span"));
    this.count.setAttribute("role", "status");
    this.prev = this.button(bar, "↑", _("Previous hit"), () => void this.tool("step", -1));
    this.next = this.button(bar, "↓", _("Next hit"), () => void this.tool("step", 1));
    if (about.warnings.length) this.button(bar, _("Warnings {count}", { count: number(about.warnings.length) }), _("Go through the warnings"), () => void this.tool("through", about.warnings));
    if (about.errors.length) this.button(bar, _("Errors {count}", { count: number(about.errors.filter((n, at) => about.errors[at - 1] !== n - 1).length) }), _("Go through the errors (e, E)"), () => void this.tool("through", about.errors));
    bar.appendChild(document.createElement("span")).className = "grow";
    bar.append(...bars);
    this.linked = this.button(bar, _("Copy link"), _("Copy a link to these lines (y)"), () => void this.tool("copyLink"));
    this.texted = this.button(bar, _("Copy lines"), _("Copy these lines with a link to them"), () => void this.tool("copyLines"));
    this.followed = this.button(bar, _("Follow"), _("Stay at the end (f)"), () => this.key("f"));
    this.wrapped = this.button(bar, _("Wrap"), _("Wrap long lines (w)"), () => this.key("w"));
    this.timed = this.button(bar, _("Time"), _("When each line came (t)"), () => this.key("t"));
    if (this.dataset.raw) bar.appendChild(Object.assign(document.createElement("a"), { className: "btn", href: this.dataset.raw, textContent: _("Raw") }));
    const note = document.createElement("div");
    note.className = "log-note";
    note.textContent = about.note ?? "";
    note.hidden = !about.note;
    const wrap = document.createElement("div");
    wrap.className = "log-wrap";
    this.scroller = wrap.appendChild(document.createElement("div"));
    this.scroller.className = innerWidth < 760 ? "log-view wrap" : "log-view times";
    this.scroller.tabIndex = 0;
    this.scroller.setAttribute("role", "region");
    this.scroller.setAttribute("aria-label", _("Log"));
    this.scroller.addEventListener("click", (event) => this.clicked(event));
    this.ticks = wrap.appendChild(document.createElement("div"));
    this.ticks.className = "log-map";
    this.fresh = this.button(wrap, "", _("To the end"), () => this.view?.toEnd());
    this.fresh.classList.add("log-new");
    this.replaceChildren(bar, note, wrap);
    this.state();
  }

  /** @param {Element} into @param {string} text @param {string} title @param {() => void} act */
  button(into, text, title, act) {
    const button = into.appendChild(document.createElement("button"));
    Object.assign(button, { type: "button", className: "btn", textContent: text, title });
    if (text.length < 3) button.setAttribute("aria-label", title);
    button.addEventListener("click", act);
    return button;
  }

  /** @param {HTMLButtonElement | undefined} button @param {() => void} then */
  switch(button, then) {
    button?.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    then();
  }

  state() {
    const set = (/** @type {HTMLElement | undefined} */ button, /** @type {boolean} */ on) => button?.setAttribute("aria-pressed", String(on));
    const windowed = !(this.view instanceof WholeLog);
    set(this.followed, this.follow ?? false);
    set(this.wrapped, this.scroller?.classList.contains("wrap") ?? false);
    set(this.timed, this.scroller?.classList.contains("times") ?? false);
    if (this.followed) this.followed.hidden = !this.source?.live;
    if (this.wrapped) this.wrapped.hidden = windowed;
    const chosen = (this.view?.chosen[1] ?? -1) > 0;
    for (const button of [this.linked, this.texted]) if (button) button.hidden = !chosen;
    for (const button of [this.prev, this.next]) if (button) button.hidden = !this.found?.length;
    if (this.fresh) {
      this.fresh.hidden = !this.unseen;
      this.fresh.textContent = _("{count} new lines ↓", { count: number(this.unseen ?? 0) });
    }
  }

  /** @param {string} key */
  key(key) {
    const errors = this.about?.errors.length ? this.about.errors : [this.about?.error_line ?? []].flat();
    const here = this.view?.chosen[0] || (this.view?.top() ?? 1);
    if (key === "f") {
      this.follow = !this.follow;
      if (this.follow) this.view?.toEnd();
    } else if (key === "w") this.scroller?.classList.toggle("wrap");
    else if (key === "t") this.scroller?.classList.toggle("times");
    else if (key === "G") this.view?.toEnd();
    else if (key === "g g") this.view?.show(1, false);
    else if (key === "e") this.choose(errors.find((n, at) => n > here && errors[at - 1] !== n - 1) ?? errors[0]);
    else if (key === "E") this.choose(errors.findLast((n, at) => n < here && errors[at - 1] !== n - 1) ?? errors.at(-1));
    else return false;
    this.state();
    return true;
  }

  /** Choose lines, show them, and name them in the address. @param {number | undefined} from @param {number} [to] @param {boolean} [show] */
  choose(from, to = from, show = true) {
    if (!this.view || from === undefined || to === undefined) return;
    this.view.chosen = [Math.min(from, to), Math.max(from, to)];
    const [first, last] = this.view.chosen;
    history.replaceState(history.state, "", first === last ? `#L${first}` : `#L${first}-L${last}`);
    this.view.dressAll();
    if (show) this.view.show(first, false);
    this.state();
  }

  visit() {
    const target = this.target();
    if (target.to) this.choose(target.line, target.to);
    else if (location.hash === "#error") this.view?.show(target.line, true);
  }

  /** A click on the number of a line; with Shift a range. On the name of a group: fold it. @param {MouseEvent} event */
  clicked(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const line = /** @type {HTMLElement | null} */ (target.closest(".l"));
    if (!line) return;
    if (line.classList.contains("group") && target.closest(".x")) {
      void this.tool("fold", line);
    } else if (target === line) {
      const n = Number(line.dataset.n);
      this.choose(event.shiftKey && this.view?.chosen[0] ? this.view.chosen[0] : n, n, false);
    }
  }

  /** What few need is loaded when it is asked for. @param {"failed" | "search" | "through" | "step" | "copyLines" | "copyLink" | "fold"} what @param {any} [given] */
  async tool(what, given) {
    await (await import("./log-find.js"))[what](this, given);
  }

  /** Where errors, warnings and hits are, beside the bar. */
  map() {
    const lines = Math.max(1, this.source?.lines ?? 1);
    const about = this.about;
    const each = (/** @type {Iterable<number>} */ list, /** @type {string} */ kind) => {
      const places = new Set([...list].map((n) => Math.round((n / lines) * 300) / 3));
      return [...places].slice(0, 300).map((place) => {
        const tick = document.createElement("i");
        tick.className = kind;
        tick.style.top = `${Math.min(99.5, place)}%`;
        return tick;
      });
    };
    this.ticks?.replaceChildren(...each(about?.warnings ?? [], ""), ...each(about?.errors ?? [], "error"), ...each(this.found ?? [], "hit"));
  }

  times() {
    for (const time of this.querySelectorAll(".t")) time.textContent = clock(Number(/** @type {HTMLElement} */ (time).dataset.ms));
  }
}

customElements.define("x-log", XLog);
