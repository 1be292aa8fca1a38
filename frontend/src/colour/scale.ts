/** Colour scales: where a value lies between the two ends of the colour bar. */

export const SCALE_NAMES = ["symlog", "linear", "log", "abs"] as const;
export type ScaleName = (typeof SCALE_NAMES)[number];

/** The names of scales. */
export const SCALE_WORDS: Record<ScaleName, string> = {
  symlog: "symlog",
  linear: "linear",
  log: "log |x|",
  abs: "linear |x|",
};

/** Whether a scale shows magnitudes, which drops the sign. */
export function isOfMagnitudes({ name }: Pick<Scale, "name">): boolean {
  return name === "log" || name === "abs";
}

/**
 * A scale with its ends.
 *
 * `low = -high` makes it symmetric about 0. `threshold` is the magnitude below which symlog is about linear,
 * and the least magnitude that log distinguishes.
 */
export interface Scale {
  name: ScaleName;
  low: number;
  high: number;
  threshold: number;
  /** Whether the values are logarithms, in which −Inf stands for an exact 0, and 0 is an ordinary value. */
  logarithms?: boolean;
}

/** The formula of each scale. All grow with the value; log and abs grow with its magnitude. */
const FORMULAS: Record<ScaleName, (value: number, threshold: number) => number> = {
  linear: (value) => value,
  symlog: (value, threshold) => Math.sign(value) * Math.log1p(Math.abs(value) / threshold),
  log: (value, threshold) => Math.log(Math.max(Math.abs(value), threshold)),
  abs: (value) => Math.abs(value),
};

const INVERSES: Record<ScaleName, (height: number, threshold: number) => number> = {
  linear: (height) => height,
  symlog: (height, threshold) => Math.sign(height) * Math.expm1(Math.abs(height)) * threshold,
  log: (height) => Math.exp(height),
  abs: (height) => height,
};

/** A function from a value to its place: 0 at the low end, 1 at the high end, clipped beyond them. */
export function placer(scale: Scale): (value: number) => number {
  const formula = FORMULAS[scale.name];
  const base = formula(scale.low, scale.threshold);
  const span = formula(scale.high, scale.threshold) - base;
  return (value) => Math.min(1, Math.max(0, (formula(value, scale.threshold) - base) / span));
}

/** The value at a place between 0 and 1; for log, the magnitude. */
export function valueAt(scale: Scale, place: number): number {
  const formula = FORMULAS[scale.name];
  const base = formula(scale.low, scale.threshold);
  const span = formula(scale.high, scale.threshold) - base;
  return INVERSES[scale.name](base + place * span, scale.threshold);
}

/** What the scale of a set of pictures is made from. */
export interface Extent {
  /** The least and greatest finite value; NaN if there is none. */
  least: number;
  greatest: number;
  /** The greatest magnitude that the scale distinguishes: a percentile, or `max |value|`. */
  magnitude: number;
  /** The magnitude below which few values lie: the 1st percentile; NaN if there is none. */
  small: number;
}

/** The most decades that log spans with an automatic threshold, and the decades that symlog gets. */
export const DECADES = 8;
export const SYMLOG_DECADES = 3;

export interface ScaleChoice {
  name: ScaleName;
  /** Whether the sign of values has a meaning. If so, the scale is symmetric about 0. */
  signed: boolean;
  /** The typed lower end, limit and threshold; null for automatic ones. A lower end makes the range asymmetric. */
  low?: number | null;
  limit: number | null;
  threshold: number | null;
}

/** The extent that covers all of `extents`. */
export function union(extents: readonly Extent[]): Extent {
  const finite = (pick: (extent: Extent) => number) => extents.map(pick).filter(Number.isFinite);
  const least = finite((e) => e.least);
  const greatest = finite((e) => e.greatest);
  const magnitude = finite((e) => e.magnitude);
  const small = finite((e) => e.small);
  return {
    least: least.length ? Math.min(...least) : Number.NaN,
    greatest: greatest.length ? Math.max(...greatest) : Number.NaN,
    magnitude: magnitude.length ? Math.max(...magnitude) : Number.NaN,
    small: small.length ? Math.min(...small) : Number.NaN,
  };
}

/** The scale for an extent. If all finite values are 0, it goes to 1. */
export function makeScale(extent: Extent, choice: ScaleChoice): Scale {
  const high = choice.limit ?? (extent.magnitude > 0 ? extent.magnitude : 1);
  const automatic =
    choice.name === "log" ? Math.max(extent.small || 0, high * 10 ** -DECADES) : high * 10 ** -SYMLOG_DECADES;
  const threshold = Math.min(choice.threshold ?? automatic, high / 2);
  const automaticLow = choice.signed && choice.name !== "abs" ? -high : 0;
  const low = choice.name === "log" ? threshold : Math.min(choice.low ?? automaticLow, high / 2);
  return { name: choice.name, low, high, threshold };
}

/** The scale for logarithms, such as a state Jacobian's: linear from the least to the greatest. */
export function makeRawScale(extent: Extent): Scale {
  const low = Number.isFinite(extent.least) ? extent.least : 0;
  const high = extent.greatest > low ? extent.greatest : low + 1;
  return { name: "linear", low, high, threshold: (high - low) / 2, logarithms: true };
}

/** The place of the threshold on a symlog scale, between 0 and 1. */
export function thresholdPlace(scale: Scale): number {
  return placer(scale)(scale.threshold);
}

/** The threshold at `place` of a symlog scale with these ends. */
export function thresholdAt(scale: Scale, place: number): number {
  const share = scale.low < 0 ? 2 * place - 1 : place;
  // share = log 2 / log(1 + high / threshold)
  const cut = Math.min(0.62, Math.max(0.02, share));
  return scale.high / Math.expm1(Math.LN2 / cut);
}

/** The edges of `bins` bins of equal width on the axis. */
export function edgesOf(axis: Scale, bins: number = BINS): number[] {
  const inner = Array.from({ length: bins - 1 }, (_, i) => valueAt(axis, (i + 1) / bins));
  return [axis.low, ...inner, axis.high];
}

/** The default number of bins. It is even, so that 0 is an edge on a symmetric axis. */
export const BINS = 64;
