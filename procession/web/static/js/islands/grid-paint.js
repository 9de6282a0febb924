// How the cells of the grid look. Colour is never alone: what failed has a cross, what waits is hollow.

export const STATES = ["none", "ok", "retried", "will-retry", "failed", "running", "waiting", "blocked", "cancelled", "skipped", "lost", "held", "asking"];
export const HEAD = 42; // px, the durations above the cells

/** @typedef {{ctx: CanvasRenderingContext2D, colours: Record<string, string>, high: number}} Brush */

/** What lies between two cells of this width. @param {number} wide */
export const gap = (wide) => (wide > 14 ? 2 : 1);

const NAMES = ["bg", "bg2", "ink", "muted", "line2", "link", "focus", "ok-cell", "retry-cell", "retry-line", "fail-cell", "run", "run-bg", "run-cell", "wait-cell", "cancel-cell", "skip-cell"];

/** The colours of the theme as a canvas knows them. @param {Element} within @returns {Record<string, string>} */
export function colours(within) {
  const probe = within.appendChild(document.createElement("i"));
  const found = NAMES.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color];
  });
  probe.remove();
  return Object.fromEntries(found);
}

const FILLS = ["", "ok-cell", "retry-cell", "retry-cell", "fail-cell", "run-cell", "", "", "cancel-cell", "skip-cell", "fail-cell", "", "run-bg"];

/** One cell. @param {Brush} brush @param {number} code @param {number} x @param {number} y @param {number} wide */
export function cell({ ctx, colours: of, high }, code, x, y, wide) {
  const name = STATES[code] ?? "none";
  const w = wide - gap(wide);
  const middle = y + high / 2;
  const fill = FILLS[code];
  if (fill) {
    ctx.fillStyle = of[fill];
    ctx.fillRect(x, name === "skipped" ? middle - 2 : y + 1, w, name === "skipped" ? 4 : high - 2);
  }
  if (name === "waiting" || name === "blocked" || name === "held") {
    ctx.strokeStyle = of[name === "held" ? "ink" : "wait-cell"];
    ctx.setLineDash(name === "held" ? [2, 2] : []);
    ctx.strokeRect(x + 0.5, y + 2.5, Math.max(1, w - 1), high - 5);
    ctx.setLineDash([]);
  }
  ctx.fillStyle = of.bg;
  ctx.strokeStyle = of.bg;
  if (name === "blocked") {
    ctx.fillStyle = of["wait-cell"];
    ctx.fillRect(x, middle - 1, w, 2);
  } else if (name === "retried") {
    ctx.fillStyle = ctx.strokeStyle = of["retry-line"];
    ctx.strokeRect(x + 0.5, y + 1.5, Math.max(1, w - 1), high - 3);
    ctx.fillRect(x, y + high - 5, w, 4);
  } else if (name === "will-retry") {
    ctx.beginPath();
    ctx.moveTo(x + w, y);
    ctx.lineTo(x + w, y + 7);
    ctx.lineTo(x, y);
    ctx.fill();
  } else if (name === "asking") {
    ctx.strokeStyle = ctx.fillStyle = of.run;
    ctx.strokeRect(x + 0.5, y + 1.5, Math.max(1, w - 1), high - 3);
    ctx.fillRect(x + w / 2 - 1, middle - 5, 2, 6);
    ctx.fillRect(x + w / 2 - 1, middle + 3, 2, 2);
  } else if (name === "failed" || name === "cancelled") line(ctx, x + w / 2, middle, Math.min(high / 4, w / 2 - 0.5), name === "failed");
  else if (name === "lost") for (let at = 3; at < high - 2; at += 4) ctx.fillRect(x, y + at, w, 1.5);
}

/** @param {CanvasRenderingContext2D} ctx @param {number} x @param {number} y @param {number} half @param {boolean} cross */
function line(ctx, x, y, half, cross) {
  if (half < 1) return;
  ctx.lineWidth = half < 2.5 ? 1 : half < 5 ? 1.5 : 2;
  ctx.beginPath();
  ctx.moveTo(x - half, y + half);
  ctx.lineTo(x + half, y - half);
  if (cross) {
    ctx.moveTo(x - half, y - half);
    ctx.lineTo(x + half, y + half);
  }
  ctx.stroke();
  ctx.lineWidth = 1;
}
