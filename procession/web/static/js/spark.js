// Small bars that show how something went: <svg class="spark" data-spark="0,1,4,2">.

const SVG = "http://www.w3.org/2000/svg";

/** Draw those that are not drawn yet. @param {ParentNode} root */
export function drawAll(root) {
  for (const spark of root.querySelectorAll("svg[data-spark]")) draw(/** @type {SVGSVGElement} */ (spark));
}

/** @param {SVGSVGElement} spark */
function draw(spark) {
  const values = (spark.dataset.spark ?? "").split(",").map(Number);
  const drawn = spark.dataset.spark ?? "";
  if (spark.getAttribute("data-drawn") === drawn && spark.childElementCount) return;
  const most = Math.max(...values, 1e-9);
  const wide = 64 / values.length;
  spark.setAttribute("viewBox", "0 0 64 18");
  spark.setAttribute("preserveAspectRatio", "none");
  spark.replaceChildren(
    ...values.map((value, at) => {
      const high = value > 0 ? Math.max(1.5, (17 * value) / most) : 0.5;
      const bar = document.createElementNS(SVG, "rect");
      for (const [name, set] of Object.entries({ x: at * wide, y: 18 - high, width: Math.max(wide - 1.5, 0.5), height: high, fill: "currentColor" }))
        bar.setAttribute(name, String(set));
      return bar;
    }),
  );
  spark.setAttribute("data-drawn", drawn);
}
