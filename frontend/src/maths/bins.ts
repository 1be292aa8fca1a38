/** Histograms: bins that are equally wide on a scale, and what stands in them. No DOM. */

import { type Extent, isOfMagnitudes, type Scale } from "../colour/scale";
import type { Apart, Counts, Histogram } from "../data/types";
import type { Table } from "./table";

/** Below the threshold and the typical least magnitude a log axis goes on for so many decades. */
const LOG_MARGIN = 3;
/** The least positive float32. */
const LEAST = 2 ** -149;

/**
 * The axis of histograms, on which every value that `extent` describes has a place: as `scale`, but from end
 * to end of the values, whatever the colour range. Symmetric about 0; of log and abs, over magnitudes.
 */
export function axisOf(extent: Extent, scale: Scale): Scale {
  const { name, threshold } = scale;
  const high = extent.magnitude > 0 ? extent.magnitude : scale.high;
  if (name !== "log") return { name, low: name === "abs" ? 0 : -high, high, threshold };
  const small = Math.min(threshold, extent.small > 0 ? extent.small : threshold, high / 10);
  const low = Math.max(LEAST, small * 10 ** -LOG_MARGIN);
  return { name, low, high, threshold: low };
}

/** Axes are found on so many bins. */
export const SCOUTED_BINS = 256;
/** All edges together are an address of a length that servers take. */
const MOST_EDGES = 2048;

/** The axis that a channel group of a histogram stands on. */
export function axisAt({ request: { gates, axis } }: Histogram, group: number): Scale {
  return gates?.[group] ?? axis;
}

/**
 * For each channel group of a histogram over steps the axis that ends where its own values do, as near as the bins
 * tell. Symmetric about 0 where the common axis is.
 */
export function ownAxes({ counts, edges, request: { axis } }: Histogram): Scale[] {
  return edges.map((of, group) => {
    const used = of.slice(1).flatMap((_, bin) => (counts.some((step) => step[group][bin] > 0) ? [bin] : []));
    if (used.length === 0) return axis;
    const [low, high] = [of[used[0]], of[(used.at(-1) as number) + 1]];
    const magnitude = Math.max(Math.abs(low), Math.abs(high));
    if (axis.name === "log") return { ...axis, low, high, threshold: low };
    return {
      ...axis,
      low: axis.low < 0 ? -magnitude : axis.low,
      high: magnitude,
      threshold: Math.min(axis.threshold, magnitude / 2),
    };
  });
}

/** As many bins as are chosen, or as can be asked for where each of so many groups has its own. */
export function binsFor(chosen: number, groups: number): number {
  return Math.min(chosen, Math.floor(MOST_EDGES / groups) - 1);
}

/** The same range for both signs, as a histogram of single values needs it. */
export function signedScale(scale: Scale): Scale {
  return isOfMagnitudes(scale) || scale.low < 0 ? scale : { ...scale, low: -scale.high };
}

/** What is counted apart, as a picture's health line names it. */
export function countsOf(counts: readonly number[], apart: Apart): Counts {
  const { below, above, zero, nan, posinf, neginf, padding } = apart;
  const finite = counts.reduce((sum, count) => sum + count, 0) + below + above + zero;
  return { real: finite + nan + posinf + neginf, padding, zero, nan, posinf, neginf };
}

/** One channel group at one step: the counts of bins, and of how many real cells. */
export interface Bins {
  counts: readonly number[];
  cells: number;
}

/** Every channel group of a histogram at one of its steps. */
export function binsAt({ counts, apart }: Histogram, step: number): Bins[] {
  return counts[step].map((bins, group) => ({
    counts: bins,
    cells: countsOf(bins, apart[step][group]).real,
  }));
}

/** The counts of every channel group at a step, a row a bin. What is counted apart is in no bin. */
export function binsTable(histogram: Histogram, step: number): Table {
  const { edges, groups, request } = histogram;
  const bins = binsAt(histogram, step);
  const names = bins.map((_, group) => groups?.[group][0] ?? "count");
  const [from, to] = [edges[0].slice(0, -1), edges[0].slice(1)];
  if (!request.gates) {
    return {
      index: ["from", from],
      names: ["to", ...names],
      columns: [to, ...bins.map(({ counts }) => counts)],
    };
  }
  return {
    index: ["bin", from.map((_, bin) => bin)],
    names: names.flatMap((name) => [`${name} from`, `${name} to`, name]),
    columns: bins.flatMap(({ counts }, group) => [edges[group].slice(0, -1), edges[group].slice(1), counts]),
  };
}

/** The counts of every channel group, a row a step, a column a bin, which is named by its ends. */
export function courseTable({ edges, groups, steps, counts }: Histogram): Table {
  const bins = counts[0].flatMap((_, group) =>
    edges[group].slice(1).map((to, bin) => ({ group, bin, name: `${edges[group][bin]} to ${to}` })),
  );
  return {
    index: ["step", steps.map(([step]) => step)],
    names: bins.map(({ group, name }) => [groups?.[group][0], name].filter(Boolean).join(" ")),
    columns: bins.map(({ group, bin }) => counts.map((atStep) => atStep[group][bin])),
  };
}

/** The largest share of cells in any bin; above 0, so that it can be the top of an axis. */
export function mostShare(all: readonly Bins[]): number {
  const shares = all.map(({ counts, cells }) => counts.reduce((a, b) => Math.max(a, b), 0) / (cells || 1));
  return shares.reduce((a, b) => Math.max(a, b), 0) || 1;
}

/** How many times the distance between two ridges the highest ridge is, unless that is little. */
const OVERLAP = 5;
const LEAST_AMPLITUDE = 26;

/** Where ridges stand in a plot: the first in the back, above; the last in front, at the bottom. */
export interface Ridges {
  /** Distance between the base lines of neighbours, and height of the highest possible ridge. */
  spacing: number;
  amplitude: number;
}

export function layRidges(count: number, height: number): Ridges {
  const spread = height / (count + OVERLAP);
  const amplitude = Math.min(height, Math.max(LEAST_AMPLITUDE, OVERLAP * spread));
  return { amplitude, spacing: count > 1 ? (height - amplitude) / (count - 1) : 0 };
}

/** The base line of a ridge. */
export function baseLine(index: number, { spacing, amplitude }: Ridges): number {
  return amplitude + index * spacing;
}

/** The ridge whose base line is nearest to `y`. */
export function ridgeAt(y: number, count: number, { spacing, amplitude }: Ridges): number {
  const index = spacing > 0 ? Math.round((y - amplitude) / spacing) : 0;
  return Math.min(count - 1, Math.max(0, index));
}

/** A ridge's outline: x and y of each bin's middle, from its base line's start to its end; `most` is as high as can be. */
export function outline(
  { counts, cells }: Bins,
  most: number,
  width: number,
  base: number,
  amplitude: number,
): [x: number, y: number][] {
  const points = counts.map((count, bin): [number, number] => [
    ((bin + 0.5) / counts.length) * width,
    base - Math.min(1, count / (cells || 1) / most) * amplitude,
  ]);
  return [[0, base], ...points, [width, base]];
}
