/** Histograms: bins of equal width on a scale, and their counts. No DOM. */

import { type Extent, isOfMagnitudes, type Scale } from "../colour/scale";
import type { Apart, Counts, Histogram } from "../data/types";
import type { Table } from "./table";

/** A log axis extends this many decades below the threshold and the typical least magnitude. */
const LOG_MARGIN = 3;
/** The smallest positive float32. */
const LEAST = 2 ** -149;

/**
 * The axis of histograms, which has a place for every value that `extent` describes.
 *
 * It is like `scale`, but it runs from end to end of the values, whatever the colour range. It is symmetric
 * about 0; for log and abs it covers magnitudes.
 */
export function axisOf(extent: Extent, scale: Scale): Scale {
  const { name, threshold } = scale;
  const high = extent.magnitude > 0 ? extent.magnitude : scale.high;
  if (name !== "log") return { name, low: name === "abs" ? 0 : -high, high, threshold };
  const small = Math.min(threshold, extent.small > 0 ? extent.small : threshold, high / 10);
  const low = Math.max(LEAST, small * 10 ** -LOG_MARGIN);
  return { name, low, high, threshold: low };
}

/** The number of bins used to find the axes. */
export const SCOUTED_BINS = 256;
/** The most edges of all groups together, so that the URL stays within the length that servers accept. */
const MOST_EDGES = 2048;

/** The axis of one channel group of a histogram. */
export function axisAt({ request: { gates, axis } }: Histogram, group: number): Scale {
  return gates?.[group] ?? axis;
}

/**
 * An axis for each channel group of a histogram over steps, ending where the group's own values do.
 *
 * The ends are as exact as the bins. The axis is symmetric about 0 if the common axis is.
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

/** The chosen number of bins, or the most that a request can ask for if each of `groups` groups has its own. */
export function binsFor(chosen: number, groups: number): number {
  return Math.min(chosen, Math.floor(MOST_EDGES / groups) - 1);
}

/** The same range for both signs, which a histogram of single values needs. */
export function signedScale(scale: Scale): Scale {
  return isOfMagnitudes(scale) || scale.low < 0 ? scale : { ...scale, low: -scale.high };
}

/** The values that are in no bin, under the names of a picture's health line. */
export function countsOf(counts: readonly number[], apart: Apart): Counts {
  const { below, above, zero, nan, posinf, neginf, padding } = apart;
  const finite = counts.reduce((sum, count) => sum + count, 0) + below + above + zero;
  return { real: finite + nan + posinf + neginf, padding, zero, nan, posinf, neginf };
}

/** One channel group at one step: the counts of its bins, and the number of its real cells. */
export interface Bins {
  counts: readonly number[];
  cells: number;
}

/** The bins of every channel group of a histogram at one of its steps. */
export function binsAt({ counts, apart }: Histogram, step: number): Bins[] {
  return counts[step].map((bins, group) => ({
    counts: bins,
    cells: countsOf(bins, apart[step][group]).real,
  }));
}

/** The counts of every channel group at a step, a row for each bin. Values in no bin are left out. */
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

/** The counts of every channel group, a row for each step and a column for each bin, named by its ends. */
export function stepsTable({ edges, groups, steps, counts }: Histogram): Table {
  const bins = counts[0].flatMap((_, group) =>
    edges[group].slice(1).map((to, bin) => ({ group, bin, name: `${edges[group][bin]} to ${to}` })),
  );
  return {
    index: ["step", steps.map(([step]) => step)],
    names: bins.map(({ group, name }) => [groups?.[group][0], name].filter(Boolean).join(" ")),
    columns: bins.map(({ group, bin }) => counts.map((atStep) => atStep[group][bin])),
  };
}

/** The largest share of cells in any bin. It is above 0, so that it can be the top of an axis. */
export function mostShare(all: readonly Bins[]): number {
  const shares = all.map(({ counts, cells }) => counts.reduce((a, b) => Math.max(a, b), 0) / (cells || 1));
  return shares.reduce((a, b) => Math.max(a, b), 0) || 1;
}

/** The height of the highest ridge in distances between two ridges, if there is room. */
const OVERLAP = 5;
const LEAST_AMPLITUDE = 26;

/** The layout of ridges in a plot: the first is at the back, on top; the last is in front, at the bottom. */
export interface Ridges {
  /** Distance between neighbouring base lines, and height of the highest possible ridge. */
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

/**
 * A ridge's outline: x and y of each bin's middle, from the start of its base line to its end. A share of
 * `most` has the full height.
 */
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
