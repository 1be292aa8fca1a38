/** Saves a line plot as a picture of paths, and as a table. */

import type uPlot from "uplot";
import type { Scale } from "../../colour/scale";
import { scaleTicks, short } from "../../colour/ticks";
import { svgPlot } from "../../export/line_plot";
import type { XAxis } from "../../maths/over_training";
import { bandPath, linePath } from "../../maths/paths";
import type { Table } from "../../maths/table";
import { heightsOn } from "./lines";
import { type Line, ticksAcross } from "./uplot_options";

/** What a plot shows, beside its lines. */
interface Shown {
  scale: Scale;
  /** The first place, and the one after the last. */
  span: readonly [number, number];
  /** The numbers on the x axis; null for the places' own. */
  xs: readonly number[] | null;
  axis: string;
  across: XAxis;
}

/** The plot as SVG paths, with the sizes it has on the page. */
export function svgLines(
  plot: uPlot,
  lines: readonly Line[],
  { scale, span, xs, across }: Shown,
  caption: string,
): string {
  const { clientWidth: width, clientHeight: height } = plot.over;
  const { min, max } = plot.scales.x as { min: number; max: number };
  const x = (at: number) => plot.valToPos(at, "x");
  const y = (value: number) => Math.min(height, Math.max(0, plot.valToPos(value, "y")));
  const place = (index: number) => x(xs?.[index] ?? index);
  const seen = (values: Line["values"]) =>
    heightsOn(scale, values).map((value, i) => (i < span[0] || i >= span[1] ? null : value));
  const picture = {
    width,
    height,
    across: ticksAcross(across, min, max, width).map(({ at, label }) => ({ at: x(at), label })),
    down: scaleTicks(scale, 0.14).map((tick) => ({ at: y(tick), label: short(tick) })),
    lines: lines.map(({ values, ...line }) => ({ ...line, path: linePath(seen(values), place, y) })),
    bands: lines.flatMap(({ band, colour }) =>
      band ? { colour, path: bandPath(seen(band.low), seen(band.high), place, y) } : [],
    ),
  };
  return svgPlot(picture, caption);
}

/** The visible numbers: a row for each place on the x axis, a column for each line. */
export function linesTable(lines: readonly Line[], { span, xs, axis, across }: Shown): Table {
  const places = Array.from({ length: span[1] - span[0] }, (_, i) => span[0] + i);
  const columns = lines.flatMap(({ label, values, raw }) => [
    { name: label, values },
    ...(raw ? [{ name: `${label}, not smoothed`, values: raw }] : []),
  ]);
  return {
    index: [across === "step" ? axis : `${axis} (s)`, places.map((place) => xs?.[place] ?? place)],
    names: columns.map(({ name }) => name),
    columns: columns.map(({ values }) => places.map((place) => values[place])),
  };
}
