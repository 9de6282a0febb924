// Moments as people want them: UTC, local, or day of year, each with its zone; ages go on by themselves.

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
export const two = (/** @type {number} */ value) => String(value).padStart(2, "0");

/** The zone chosen for this page. @returns {"utc" | "local" | "doy"} */
export function zone() {
  const set = document.documentElement.dataset.zone;
  return set === "local" || set === "doy" ? set : "utc";
}

/** What the zone is called: UTC, UTC+10, UTC−3:30. @param {Date} [at] */
export function zoneName(at = new Date()) {
  if (zone() !== "local") return "UTC";
  const minutes = -at.getTimezoneOffset();
  if (minutes === 0) return "UTC+0";
  const rest = Math.abs(minutes) % 60;
  return `UTC${minutes > 0 ? "+" : "−"}${Math.floor(Math.abs(minutes) / 60)}${rest ? `:${two(rest)}` : ""}`;
}

/** A length of time as on the server: 9 min 41 s, 2 days 4 h, 0.35 s, 4 ms. @param {number} seconds @param {boolean} [coarse] one unit only */
export function duration(seconds, coarse = false) {
  const s = Math.max(0, seconds);
  const whole = Math.round(s);
  if (s < 0.0995) return Math.round(s * 1000) ? `${Math.round(s * 1000)} ms` : "0 s";
  if (whole < 60) return `${s < 9.95 ? Number(s.toFixed(s < 0.995 ? 2 : 1)) : whole} s`;
  /** @type {[string, number, string, number]} */
  const [unit, size, smaller, part] = whole >= 86_400 ? ["day", 24, "h", 3_600] : whole >= 3_600 ? ["h", 60, "min", 60] : ["min", 60, "s", 1];
  const parts = Math.round(s / part);
  if (unit === "h" && parts === 1_440) return "1 day";
  const [first, second] = [Math.floor(parts / size), coarse ? 0 : parts % size];
  return `${first} ${unit}${unit === "day" && first > 1 ? "s" : ""}${second ? ` ${second} ${smaller}` : ""}`;
}

/** A moment in the chosen zone. @param {Date} at @param {string} kind moment, short or clock @param {boolean} [bare] without the zone */
export function moment(at, kind = "moment", bare = false) {
  const local = zone() === "local";
  /** @param {"FullYear" | "Month" | "Date" | "Hours" | "Minutes" | "Seconds"} part */
  const of = (part) => (local ? at[`get${part}`]() : at[`getUTC${part}`]());
  const clock = `${two(of("Hours"))}:${two(of("Minutes"))}${kind === "short" ? "" : `:${two(of("Seconds"))}`}`;
  if (zone() === "doy") {
    if (kind === "clock") return `${clock}Z`;
    const day = Math.floor((Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()) - Date.UTC(at.getUTCFullYear(), 0, 0)) / 864e5);
    return `${at.getUTCFullYear()}-${String(day).padStart(3, "0")}T${clock}Z`;
  }
  const tail = bare ? "" : ` ${zoneName(at)}`;
  if (kind === "clock") return clock + tail;
  const year = of("FullYear") === new Date().getUTCFullYear() ? "" : ` ${of("FullYear")}`;
  return `${of("Date")} ${MONTHS[of("Month")]}${year} ${clock}${tail}`;
}

/** @param {Element} element */
function write(element) {
  const at = new Date(element.getAttribute("datetime") ?? "");
  if (Number.isNaN(at.getTime())) return;
  const kind = element.getAttribute("data-time") ?? "moment";
  const apart = Math.floor(Math.abs(Date.now() - at.getTime()) / 1000);
  const text = kind === "age" ? duration(apart, true) : kind === "since" ? duration(apart) : moment(at, kind, element.closest("[data-zone-said]") !== null);
  if (element.textContent !== text) element.textContent = text;
}

/** Write every time below this. @param {ParentNode} root */
export function tell(root = document) {
  for (const element of root.querySelectorAll("time[data-time]")) write(element);
  for (const element of root.querySelectorAll("[data-zone-name]")) element.textContent = zoneName();
}

export function startTime() {
  tell();
  setInterval(() => {
    if (document.hidden) return;
    for (const element of document.querySelectorAll('time:is([data-time="age"], [data-time="since"])')) write(element);
  }, 1000);
  document.addEventListener("prefer", () => tell());
  document.addEventListener("pointerover", (event) => {
    const element = /** @type {Element} */ (event.target).closest?.("time[datetime]");
    if (element) void import("./moments.js").then((page) => page.explain(element));
  });
}
