// What scripts say to people, each through _(): English now; another language brings its own map.

/** @type {Map<string, string>} */
const translated = new Map();

/** A sentence with its {values} filled in.
 * @param {string} text @param {Record<string, string | number>} [values] */
export function _(text, values = {}) {
  return (translated.get(text) ?? text).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** A number with its thousands apart. @param {number} value */
export const number = (value) => value.toLocaleString(document.documentElement.lang || "en");
