/** Draws the norms beside a heatmap's rows and columns, as bars on log axes. */

import { svg } from "lit";
import { short } from "../../colour/ticks";
import type { Axis, Layout } from "../../maths/heatmap/axes";
import { logEnds, logPlaces, type Norms } from "../../maths/heatmap/norms";

/** Width of the strips that hold norms, and their distance from the cells. */
export const STRIP = 30;
export const GAP = 4;
/** Room beside the cells for the norms and their labels. */
export const NORMS_ABOVE = 42;
export const NORMS_BESIDE = 56;
/** The most decades that norms span. */
const DECADES = 12;

/** Draws the columns' norms above the cells and the rows' norms at the right. */
export function renderNorms({ across, down }: Layout, { rows, columns }: Norms) {
  const norms = { t: columns, c: rows };
  const titles = { t: "norm over channels", c: "norm over timesteps" };
  const [above, beside] = [norms[across.dimension], norms[down.dimension]];
  const [endsAbove, endsBeside] = [logEnds(above, DECADES), logEnds(beside, DECADES)];
  const base = across.length + GAP;
  return svg`
    ${
      endsAbove &&
      svg`<path class="norm" d=${bars(above, endsAbove, across)
        .map(({ from, to, size }) => `M${from},${-GAP}V${-GAP - size}H${to}V${-GAP}Z`)
        .join("")}><title>${titles[across.dimension]}</title></path>
        <text class="small" x=${base} y=${-GAP - STRIP + 6}>‖·‖ ${short(endsAbove[1])}</text>
        <text class="small" x=${base} y=${-GAP - 2}>${short(endsAbove[0])}</text>`
    }
    ${
      endsBeside &&
      svg`<path class="norm" d=${bars(beside, endsBeside, down)
        .map(({ from, to, size }) => `M${base},${from}H${base + size}V${to}H${base}Z`)
        .join("")}><title>${titles[down.dimension]}</title></path>
        <text class="small" x=${across.length + NORMS_BESIDE} y=${down.length + 30} text-anchor="end">${short(endsBeside[0])} to ${short(endsBeside[1])}</text>`
    }`;
}

/** The pixels that each norm's bar covers along its axis, and the bar's length. Missing norms get no bar. */
function bars(values: Float64Array, ends: [number, number], axis: Axis) {
  const block = (axis.to - axis.from) / values.length;
  return logPlaces(values, ...ends).flatMap((place, i) => {
    if (place === null) return [];
    const [from, to] = axis.span(axis.from + i * block, axis.from + (i + 1) * block);
    return { from, to, size: 2 + place * (STRIP - 2) };
  });
}
