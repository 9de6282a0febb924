// A grid that is coloured by a number or by hosts: its shades, what they mean, and a cell in one of them. What failed keeps its cross.
import { duration } from "../time.js";
import { _ } from "../words.js";
import { cell, gap, STATES } from "./grid-paint.js";

/** @typedef {{by: string, levels: string, values: (number | null)[], low: number | null, high: number | null, names: string[]}} Told */

const SHADES = [["#dfe8f4", "#1c2a3c"], ["#bcd1ea", "#24456b"], ["#93b7de", "#2d6099"], ["#6699cd", "#417dc0"], ["#3f78b5", "#6a9fd8"], ["#255a94", "#9cc1ea"], ["#123c6b", "#d3e5fa"]];
const HUES = [["#0072b2", "#3d9bd6"], ["#e69f00", "#e69f00"], ["#009e73", "#23b98d"], ["#cc79a7", "#d990b8"], ["#56b4e9", "#8accf1"], ["#d55e00", "#ee8030"], ["#868f9c", "#75818f"]];

/** @param {Told} told */
const shadesOf = (told) => (told.by === "host" ? HUES : SHADES).map(([light, dark]) => `light-dark(${light}, ${dark})`);

export class Shade {
  /** @param {Told} told @param {Element} within */
  constructor(told, within) {
    this.told = told;
    const packed = atob(told.levels);
    this.levels = Uint8Array.from(packed, (each) => each.charCodeAt(0));
    this.again(within);
  }

  /** The theme has changed. @param {Element} within */
  again(within) {
    const probe = within.appendChild(document.createElement("i"));
    this.fills = shadesOf(this.told).map((each) => {
      probe.style.color = each;
      return getComputedStyle(probe).color;
    });
    probe.remove();
  }

  /** One cell; one without a number is drawn thin, or as what it is where it did not go well. @param {import("./grid-paint.js").Brush} brush
   * @param {number} at @param {number} code @param {number} x @param {number} y @param {number} wide */
  paint(brush, at, code, x, y, wide) {
    const level = this.levels[at];
    const name = STATES[code];
    if (!level) return cell(brush, name === "ok" || name === "retried" ? 9 : code, x, y, wide);
    brush.ctx.fillStyle = this.fills?.[level - 1] ?? "";
    brush.ctx.fillRect(x, y + 1, wide - gap(wide), brush.high - 2);
    if (name === "failed" || name === "lost") {
      brush.ctx.fillStyle = brush.colours["fail-cell"];
      brush.ctx.fillRect(x, y + brush.high - 6, wide - gap(wide), 5);
    }
  }

  /** The number of a cell in words; empty without one. @param {number} at */
  say(at) {
    const value = this.told.values[at];
    if (value === null || value === undefined) return "";
    const { by } = this.told;
    if (by === "host") return this.told.names[value] ?? "";
    if (by === "duration") return _("this step {span}", { span: duration(value) });
    return by === "attempts" ? "" : `${by.replace("metric.", "")} ${brief(value)}`;
  }

  /** What the shades mean. @returns {(Node | string)[]} */
  legend() {
    /** @type {(Node | string)[]} */ const made = [];
    const { by, low, high, names } = this.told;
    const swatch = (/** @type {string} */ colour) => {
      const one = document.createElement("i");
      one.className = "swatch";
      one.style.background = colour;
      one.setAttribute("aria-hidden", "true");
      made.push(one);
    };
    const say = (/** @type {string} */ text) => made.push(text);
    const fills = shadesOf(this.told);
    if (low === null || high === null) say(_("No step of these processings has this number."));
    else if (by === "host")
      for (const [at, fill] of fills.entries()) {
        if (at >= names.length) break;
        swatch(fill);
        say(at === fills.length - 1 && names.length > fills.length ? _("{n} others", { n: names.length - at }) : names[at]);
      }
    else {
      say(by === "duration" ? _("a quarter of the usual time") : brief(low));
      for (const fill of fills) swatch(fill);
      say(by === "duration" ? _("four times as long; usual is the median of each step") : `${brief(high)} ${by.replace("metric.", "")}`);
    }
    return made;
  }
}

/** @param {number} value */
const brief = (value) => String(Number(value.toPrecision(4)));
