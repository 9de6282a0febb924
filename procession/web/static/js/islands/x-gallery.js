// Pictures side by side; Enter shows one large. Left and right go to the next processing (or picture, where all are of one), up and
// down through the pictures of one. Without a script the same link leads to a page with one picture.
import { show } from "../dialog.js";
import { ask, read } from "../morph.js";
import { _ } from "../words.js";

const BLINK = 700; // ms for each of two pictures that are compared; slow enough to hurt nobody

/** A small picture grows by a whole number, so that its pixels stay squares and can be counted. @param {HTMLImageElement} image @param {Element | null} room */
function enlarge(image, room) {
  const { naturalWidth: wide, naturalHeight: high } = image;
  const times = !room || !wide || /\.svg(\?|$)/.test(image.src) ? 1 : Math.floor(Math.min(room.clientWidth / wide, room.clientHeight / high));
  image.classList.toggle("tiny", times > 1);
  image.style.width = times > 1 ? `${wide * times}px` : "";
  image.style.height = times > 1 ? `${high * times}px` : "";
}

class XGallery extends HTMLElement {
  connectedCallback() {
    if (this.away) return;
    this.away = new AbortController();
    const { signal } = this.away;
    this.addEventListener("click", (event) => {
      const link = /** @type {Element} */ (event.target).closest?.("a.picture");
      if (!(link instanceof HTMLAnchorElement) || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.large(link);
    }, { signal });
    this.addEventListener("error", (event) => {
      const image = /** @type {Element} */ (event.target);
      if (image.tagName !== "IMG") return;
      const none = Object.assign(document.createElement("span"), { className: "none", textContent: _("no picture") });
      image.replaceWith(none);
    }, { capture: true, signal });
    this.addEventListener("load", (event) => this.grow([/** @type {HTMLImageElement} */ (event.target)]), { capture: true, signal });
    this.grow();
    this.sized = new ResizeObserver(() => this.grow());
    this.sized.observe(this);
    this.end = new IntersectionObserver((seen) => seen.some((each) => each.isIntersecting) && void this.more(), { rootMargin: "600px" });
    if (this.lastElementChild && this.dataset.more) this.end.observe(this.lastElementChild);
  }

  connectedMoveCallback() {}

  disconnectedCallback() {
    this.away?.abort();
    this.away = undefined;
    this.end?.disconnect();
    this.sized?.disconnect();
  }

  /** @param {Iterable<HTMLImageElement>} images */
  grow(images = this.querySelectorAll("img")) {
    for (const image of images) if (image.complete) enlarge(image, image.closest(".picture"));
  }

  /** The next page of pictures, once its place comes near. */
  async more() {
    const url = this.dataset.more;
    if (!url) return;
    delete this.dataset.more;
    this.end?.disconnect();
    const answer = await ask(new URL(url, document.baseURI).href);
    if (!answer.ok) return;
    const made = (await read(answer)).querySelector("x-gallery, .gallery") ?? null;
    if (!made) return;
    const next = /** @type {HTMLElement} */ (made).dataset.more;
    this.append(...made.children);
    if (next && this.lastElementChild) {
      this.dataset.more = next;
      this.end?.observe(this.lastElementChild);
    }
  }

  /** The pictures, as processings one after the other: [id, [its pictures]]. */
  order() {
    /** @type {Map<string, HTMLAnchorElement[]>} */ const by = new Map();
    for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (this.querySelectorAll("a.picture"))) {
      const id = link.closest("figure")?.dataset.id ?? link.href;
      by.set(id, [...(by.get(id) ?? []), link]);
    }
    return [...by.values()];
  }

  /** @param {HTMLAnchorElement} link */
  large(link) {
    const head = document.createElement("header");
    const title = head.appendChild(Object.assign(document.createElement("h2"), { className: "grow" }));
    const button = (/** @type {string} */ textContent, into = head) => into.appendChild(Object.assign(document.createElement("button"), { className: "btn btn-small", textContent, type: "button" }));
    const turns = head.appendChild(Object.assign(document.createElement("span"), { className: "turns" }));
    const before = button(_("← Previous"), turns);
    const count = turns.appendChild(document.createElement("span"));
    count.setAttribute("role", "status");
    const after = button(_("Next →"), turns);
    const real = button("1 : 1");
    const blink = button(_("Blink"));
    real.title = _("Each pixel of the picture as one of the screen");
    real.setAttribute("aria-pressed", "false");
    blink.title = _("Compare with the previous processing (b)");
    const of = head.appendChild(Object.assign(document.createElement("a"), { className: "btn btn-small" }));
    const file = head.appendChild(Object.assign(document.createElement("a"), { className: "btn btn-small", textContent: _("Open the file") }));
    const close = button(_("Close"));
    close.setAttribute("data-close", "");
    const stage = document.createElement("div");
    stage.className = "stage";
    stage.tabIndex = 0;
    stage.setAttribute("role", "region");
    stage.setAttribute("aria-label", _("Picture"));
    const image = stage.appendChild(document.createElement("img"));
    const put = (/** @type {HTMLAnchorElement} */ next) => {
      clearInterval(timer);
      timer = 0;
      link = next;
      other = this.order().length > 1 ? this.beside(link, 1, 0) : undefined;
      blink.hidden = !other;
      const all = this.across(link);
      const at = all.indexOf(link);
      turns.hidden = all.length < 2 && !this.dataset.more;
      count.textContent = _("{n} of {all}", { n: at + 1, all: `${all.length}${this.dataset.more ? "+" : ""}` });
      shut(before, !at, _("Previous picture (←)"), _("This is the first picture"));
      shut(after, at === all.length - 1 && !this.dataset.more, _("Next picture (→)"), _("This is the last picture"));
      blink.setAttribute("aria-pressed", "false");
      draw(link);
    };
    let timer = 0;
    /** @type {HTMLAnchorElement | undefined} */ let other;
    const go = async (/** @type {number} */ across, along = 0) => {
      if (across > 0 && !this.beside(link, across, 0)) await this.more();
      const next = this.beside(link, across, along);
      if (next && dialog.open) put(next);
    };
    let shown = link;
    const draw = (/** @type {HTMLAnchorElement} */ one) => {
      shown = one;
      const own = /** @type {HTMLAnchorElement | null | undefined} */ (one.closest("figure")?.querySelector("figcaption a"));
      of.hidden = !own;
      if (own) of.href = own.href;
      of.textContent = _("Processing {id}", { id: own?.textContent ?? "" });
      image.src = file.href = one.dataset.file ? new URL(one.dataset.file, document.baseURI).href : one.href;
      image.alt = title.textContent = one.dataset.title ?? one.querySelector("img")?.alt ?? "";
    };
    const compare = () => {
      if (!other || blink.getAttribute("aria-pressed") === "true") return put(link);
      const [mine, older] = [link, other];
      const swap = () => draw(shown === mine ? older : mine);
      blink.setAttribute("aria-pressed", "true");
      swap();
      if (!matchMedia("(prefers-reduced-motion: reduce)").matches) timer = setInterval(swap, BLINK);
    };
    put(link);
    const dialog = show([head, stage], { kind: "light" });
    const grow = () => enlarge(image, stage);
    image.addEventListener("load", grow);
    const sized = new ResizeObserver(grow);
    sized.observe(stage);
    real.addEventListener("click", () => real.setAttribute("aria-pressed", String(dialog.classList.toggle("real"))));
    blink.addEventListener("click", compare);
    before.addEventListener("click", () => go(-1));
    after.addEventListener("click", () => go(1));
    dialog.addEventListener("keydown", (event) => {
      if (event.code === "KeyB" && !(event.ctrlKey || event.metaKey || event.altKey)) return compare();
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!step || dialog.classList.contains("real")) return;
      event.preventDefault();
      void go(step[0], step[1]);
    });
    dialog.addEventListener("close", () => {
      clearInterval(timer);
      sized.disconnect();
      link.focus();
    });
    stage.focus();
  }

  /** @param {HTMLAnchorElement} link @param {number} across @param {number} along */
  beside(link, across, along) {
    const all = across ? this.across(link) : (this.order().find((each) => each.includes(link)) ?? []);
    return all[all.indexOf(link) + (across || along)];
  }

  /** What left and right go through: a picture of each processing, of this name if it has one. @param {HTMLAnchorElement} link */
  across(link) {
    const rows = this.order();
    const name = link.closest("figure")?.dataset.name;
    return rows.length === 1 ? rows[0] : rows.map((row) => (row.includes(link) ? link : (row.find((each) => each.closest("figure")?.dataset.name === name) ?? row[0])));
  }
}

/** A button that can go no further says so, and keeps the focus. @param {HTMLElement} button @param {boolean} end @param {string} does @param {string} why */
function shut(button, end, does, why) {
  button.setAttribute("aria-disabled", String(end));
  button.title = end ? why : does;
}

customElements.define("x-gallery", XGallery);
