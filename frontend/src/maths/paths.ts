/** Lines and bands as data of SVG paths. No DOM. */

type Value = number | null | undefined;

/** Along values with gaps at null; undefined is passed over. A value alone is a line of no length: a dot. */
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

/** Between two lines, a polygon for each stretch in which both have values. */
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
