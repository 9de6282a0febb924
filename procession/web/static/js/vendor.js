// What others made, loaded when it is first needed, once. It runs as a script of its own, not as a module: it makes globals.

/** @type {Map<string, Promise<void>>} */
const loaded = new Map();

/** Run a script below vendor/. @param {string} name */
export function vendor(name) {
  const known = loaded.get(name);
  if (known) return known;
  const script = document.createElement("script");
  script.src = new URL(`../vendor/${name}`, import.meta.url).href;
  const done = /** @type {Promise<void>} */ (new Promise((ready, failed) => {
    script.onload = () => ready();
    script.onerror = () => failed(new Error(`${name} was not loaded`));
  }));
  loaded.set(name, done);
  done.catch(() => loaded.delete(name));
  document.head.append(script);
  return done;
}
