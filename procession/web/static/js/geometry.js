// Widths from data- values: no style attributes, so the policy can forbid them.

/** Set what is to be set below this element. @param {ParentNode} root */
export function measure(root = document) {
  for (const bar of root.querySelectorAll(".bar[data-width] > i")) {
    const wide = Math.max(0, Math.min(100, Number(/** @type {HTMLElement} */ (bar.parentElement).dataset.width)));
    /** @type {HTMLElement} */ (bar).style.width = `${wide || 0}%`;
  }
  for (const share of root.querySelectorAll(".shares > i[data-share]")) {
    const part = /** @type {HTMLElement} */ (share);
    part.style.width = `${Math.max(0, Math.min(100, Number(part.dataset.share)))}%`;
  }
}
