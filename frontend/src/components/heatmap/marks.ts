/** What a flow's map draws over its cells and above them. It has training steps across, as recorded. */

import { nothing, svg } from "lit";
import { equalRuns } from "../../maths/equal_runs";
import type { Axis, Dimension, Layout } from "../../maths/heatmap/axes";

/** Height of the coloured strip above the columns. */
export const STRIPE = 6;

/** Places before which to draw a line, by timestep and by channel. */
export type Boundaries = Partial<Record<Dimension, readonly number[]>>;

export interface Marks {
  /** A column to mark. */
  mark: number | undefined;
  /** The row through which to draw a line, for each column. */
  line: (number | null)[] | undefined;
  /** The CSS colour to draw above each column. */
  strip: (string | null)[] | undefined;
  boundaries: Boundaries | undefined;
}

export function renderMarks(layout: Layout, { mark, line, strip, boundaries }: Marks) {
  return svg`
    ${renderBoundaries(layout, boundaries ?? {})} ${renderStrip(layout, strip ?? [])}
    ${renderLine(layout, line ?? [])} ${mark === undefined ? nothing : renderMark(layout, mark)}`;
}

function renderBoundaries({ across, down }: Layout, boundaries: Boundaries) {
  const on = (axis: Axis) =>
    (boundaries[axis.dimension] ?? [])
      .filter((place) => place > axis.from && place < axis.to)
      .map((place) => axis.at(place));
  const lines = [
    ...on(down).map((y) => `M0,${y}H${across.length}`),
    ...on(across).map((x) => `M${x},0V${down.length}`),
  ];
  if (lines.length === 0) return nothing;
  const path = lines.join("");
  return svg`<path class="boundary halo" d=${path}></path><path class="boundary" d=${path}></path>`;
}

function renderStrip({ t }: Layout, colours: (string | null)[]) {
  return equalRuns(colours).map(({ value, from, to }) => {
    const [left, right] = t.span(from, to);
    return svg`<rect class="strip" fill=${value} x=${left} y=${-STRIPE - 1} width=${right - left} height=${STRIPE - 1}></rect>`;
  });
}

function renderLine({ t, c }: Layout, rows: (number | null)[]) {
  if (rows.length === 0) return nothing;
  let pen = "M";
  const path = rows.map((row, column) => {
    const point = row === null ? "" : `${pen}${t.at(column + 0.5)},${c.at(row + 0.5)}`;
    pen = row === null ? "M" : "L";
    return point;
  });
  return svg`<path class="line halo" d=${path.join("")}></path><path class="line" d=${path.join("")}></path>`;
}

function renderMark({ t, c }: Layout, column: number) {
  const at = t.at(column + 0.5);
  return svg`<path class="mark" d="M${at},0V${c.length}M${at - 4},-6h8l-4,6z"></path>`;
}
