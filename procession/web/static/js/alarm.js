// Failures that nobody has looked at, where they are seen from other tabs.

/** The number of new failures, in the title and as a red icon. @param {number} count */
export function alarm(count) {
  document.title = (count ? `(${count}) ` : "") + document.title.replace(/^\(\d+\) /, "");
  const link = /** @type {HTMLLinkElement | null} */ (document.querySelector('link[rel="icon"]'));
  if (!link) return;
  const href = link.href.replace(/favicon(-red)?\.svg/, count ? "favicon-red.svg" : "favicon.svg");
  if (link.href !== href) link.href = href;
}
