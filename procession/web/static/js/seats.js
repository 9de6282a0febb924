// Four windows of a browser have a stream at most: over HTTP/1.1 it opens six connections to a host, and a seventh window
// would wait for ever. Who has one says so every two seconds where all windows of the site read it.
const NAME = "procession-streams";
const MOST = 4;
const BEAT = 2_000;
const GONE = 3 * BEAT;
const me = Math.random().toString(36).slice(2);
let beating = 0;
let lost = () => {};

/** The other windows that have a stream, and when each said so. @returns {[string, number][]} */
function others() {
  try {
    const told = Object.entries(JSON.parse(localStorage.getItem(NAME) ?? "{}"));
    return told.filter(([who, at]) => who !== me && Math.abs(Date.now() - Number(at)) < GONE).map(([who, at]) => [who, Number(at)]);
  } catch {
    return []; // nothing can be kept here: each window is alone
  }
}

/** @param {[string, number][]} all */
function say(all) {
  try {
    localStorage.setItem(NAME, JSON.stringify(Object.fromEntries(all)));
  } catch {
    return;
  }
}

/** Take one of the seats; false where there is none. @param {() => void} left called when it has to be left after all */
export function sit(left) {
  const found = others();
  if (found.length >= MOST) return leave();
  lost = left;
  say([...found, [me, Date.now()]]);
  beating ||= setInterval(beat, BEAT + 500 * Math.random());
  return true;
}

/** Several that were opened at the same moment have not seen each other: all but the first four get up. */
function beat() {
  const all = others();
  const before = all.filter(([who]) => who < me).length;
  if (all.length < MOST || before < MOST) return say([...all, [me, Date.now()]]);
  leave();
  lost();
}

/** Give it back. */
export function leave() {
  if (beating) say(others());
  clearInterval(beating);
  beating = 0;
  return false;
}
