// A log on the server: pieces of its lines, and the bytes that come while it runs. Nothing is lost or doubled: a message counts
// only at the byte that is awaited; after any other, the lines since the last whole one are asked for.

/** @typedef {import("./log-text.js").Line} Line */
/** @typedef {{lines: number, size: number, state: string, live: boolean, error_line: number | null, errors: number[], warnings: number[], note: string | null}} About */

export const MOST = 2_000; // lines of a piece

export class LogSource {
  /** @param {string} url */
  constructor(url) {
    this.url = new URL(url, document.baseURI);
    this.lines = 0;
    this.end = -1; // the byte awaited; -1: the end has not been read yet
    this.whole = true; // the last line has its end of line
    this.live = false;
    this.tail = "";
    this.away = new AbortController();
    /** @type {(lines: Line[], changed: boolean) => void} lines that are new; changed: the first is the last known one, longer now */
    this.onLines = () => {};
    this.behind = false;
    this.catching = false;
  }

  /** @param {Record<string, string | number>} query @param {AbortSignal} [until] */
  async get(query, until) {
    const url = new URL(this.url);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
    const answer = await fetch(url, { signal: until ? AbortSignal.any([this.away.signal, until]) : this.away.signal, credentials: "same-origin", headers: { Accept: "application/json, application/x-ndjson" } });
    if (!answer.ok && !(until && answer.status === 503)) throw new Error(String(answer.status));
    return answer;
  }

  /** @returns {Promise<About>} */
  async about() {
    const about = await (await this.get({})).json();
    this.lines = Math.max(this.lines, about.lines);
    this.live = about.live;
    return about;
  }

  /** Lines from one on; `follow`: what comes next is told from where they end. @param {number} from @param {number} count @param {boolean} [follow] @returns {Promise<Line[]>} */
  async piece(from, count, follow = false) {
    const rows = (await (await this.get({ from, count: Math.min(count, MOST) })).text()).trimEnd().split("\n");
    const last = JSON.parse(rows.pop() ?? "{}");
    const found = rows.map((row) => JSON.parse(row)).map(([n, ms, text]) => ({ n, ms, text }));
    if (!follow) return found;
    if (last.end > this.end) {
      this.end = last.end; // the byte after this piece, even where the log has grown meanwhile
      this.lines = found.at(-1)?.n ?? last.lines;
      this.whole = !last.open;
      this.tail = last.open ? (found.at(-1)?.text ?? "") : "";
    }
    this.live = last.live;
    return found;
  }

  /** Bytes have come. @param {{offset: number, end: number, text: string, at?: number}} told */
  hear(told) {
    if (this.end < 0 || this.catching) {
      this.behind = true;
      return;
    }
    if (told.end <= this.end) return;
    if (told.offset !== this.end) return void this.catchUp();
    const changed = !this.whole;
    const parts = ((changed ? this.tail : "") + told.text).split("\n");
    const open = parts.pop() ?? "";
    const first = this.lines + (changed ? 0 : 1);
    const texts = open ? [...parts, open] : parts;
    this.end = told.end;
    this.whole = open === "";
    this.tail = open;
    if (!texts.length) return;
    this.lines = first + texts.length - 1;
    const ms = told.at ?? Date.now();
    this.onLines(texts.map((text, at) => ({ n: first + at, ms, text })), changed);
  }

  /** Everything since the last whole line. */
  async catchUp() {
    if (this.catching || this.end < 0) return;
    this.catching = true;
    try {
      do {
        this.behind = false;
        let more = true;
        while (more) {
          const changed = !this.whole;
          const from = this.lines + (changed ? 0 : 1);
          const before = this.end;
          const found = await this.piece(from, MOST, true);
          more = found.length === MOST;
          if (more) {
            this.lines = from + MOST - 1;
            this.whole = true;
          }
          if (more || this.end !== before) this.onLines(found, changed);
        }
      } while (this.behind);
    } catch {
      // the viewer is gone, or the server for a moment: the next message finds the same byte awaited
    } finally {
      this.catching = false;
    }
  }

  close() {
    this.away.abort();
  }
}
