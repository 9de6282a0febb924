// Widths from data- values: no style attributes, so the policy can forbid them.

/** Set what is to be set below this element. @param {ParentNode} root */
export function measure(root = document) {
  for (const part of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll(".bar[data-width] > i, .shares > i[data-share]"))) {
    const share = Number(part.dataset.share ?? part.parentElement?.dataset.width) || 0;
    part.style.width = `${Math.max(0, Math.min(100, share))}%`;
  }
}
