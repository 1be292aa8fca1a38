/** Lines and bands as path data for SVG. No DOM. */

type Value = number | null | undefined;

/** A line along values, with gaps at null; undefined is skipped. A single value is a line of no length: a dot. */
export function linePath(
  values: readonly Value[],
  x: (index: number) => number,
  y: (value: number) => number,
): string {
  let [path, drawing] = ["", false];
  values.forEach((value, i) => {
    if (value === undefined) return;
    if (value === null) {
      drawing = false;
      return;
    }
    const point = `${x(i).toFixed(1)},${y(value).toFixed(1)}`;
    path += drawing ? `L${point}` : `M${point}L${point}`;
    drawing = true;
  });
  return path;
}

/** The area between two lines, a polygon for each run of places where both have values. */
export function bandPath(
  low: readonly Value[],
  high: readonly Value[],
  x: (index: number) => number,
  y: (value: number) => number,
): string {
  const polygons: [above: string[], below: string[]][] = [];
  let open = false;
  low.forEach((value, i) => {
    const other = high[i];
    const both = typeof value === "number" && typeof other === "number";
    if (both) {
      if (!open) polygons.push([[], []]);
      const [above, below] = polygons[polygons.length - 1];
      above.push(`${x(i).toFixed(1)},${y(other).toFixed(1)}`);
      below.unshift(`${x(i).toFixed(1)},${y(value).toFixed(1)}`);
    }
    open = both;
  });
  return polygons.map(([above, below]) => `M${[...above, ...below].join("L")}Z`).join("");
}

/** The points of a line through values in a box, at most `most` of them. Gaps are left out. */
export function sparkline(values: Float64Array, width: number, height: number, most = 60): string {
  const finite = values.filter((value) => Number.isFinite(value));
  const top = finite.reduce((a, b) => Math.max(a, b), 0) || 1;
  const stride = Math.max(1, Math.ceil((values.length - 1) / most));
  const picked: string[] = [];
  for (let i = (values.length - 1) % stride; i < values.length; i += stride) {
    if (!Number.isFinite(values[i])) continue;
    const across = values.length > 1 ? (i / (values.length - 1)) * width : width;
    picked.push(`${across.toFixed(1)},${(height - (values[i] / top) * height).toFixed(1)}`);
  }
  return picked.join(" ");
}
