/** Colour scales: where between the two ends of the colour bar a value lies. */

export const SCALE_NAMES = ["symlog", "linear", "log", "abs"] as const;
export type ScaleName = (typeof SCALE_NAMES)[number];

/** What scales are called. */
export const SCALE_WORDS: Record<ScaleName, string> = {
  symlog: "symlog",
  linear: "linear",
  log: "log |x|",
  abs: "linear |x|",
};

/** Whether a scale is of magnitudes, which drops the sign. */
export function isOfMagnitudes({ name }: Pick<Scale, "name">): boolean {
  return name === "log" || name === "abs";
}

/**
 * A scale with its ends. `low = -high` makes it symmetric about 0. `threshold` is the magnitude under which
 * symlog is about linear, and the least magnitude that log tells apart.
 */
export interface Scale {
  name: ScaleName;
  low: number;
  high: number;
  threshold: number;
  /** Whether the values are logarithms, of which −Inf stands for an exact 0, and 0 for nothing special. */
  logarithms?: boolean;
}

/** One formula a scale; each grows with the value (log and abs: with its magnitude). */
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

/** A function from a value to its place, 0 at the low end and 1 at the high end; beyond them it is cut. */
export function placer(scale: Scale): (value: number) => number {
  const formula = FORMULAS[scale.name];
  const base = formula(scale.low, scale.threshold);
  const span = formula(scale.high, scale.threshold) - base;
  return (value) => Math.min(1, Math.max(0, (formula(value, scale.threshold) - base) / span));
}

/** The value at a place between 0 and 1; for log, its magnitude. */
export function valueAt(scale: Scale, place: number): number {
  const formula = FORMULAS[scale.name];
  const base = formula(scale.low, scale.threshold);
  const span = formula(scale.high, scale.threshold) - base;
  return INVERSES[scale.name](base + place * span, scale.threshold);
}

/** What the scale of a set of pictures is made from. */
export interface Extent {
  /** Least and greatest finite value; NaN where there is none. */
  least: number;
  greatest: number;
  /** Greatest magnitude to be told apart from what is beyond it, a percentile or `max |value|`. */
  magnitude: number;
  /** Magnitude under which few values lie: the 1st percentile. NaN where there is none. */
  small: number;
}

/** The most decades that an automatic threshold lets log span, and those that it gives symlog. */
export const DECADES = 8;
export const SYMLOG_DECADES = 3;

export interface ScaleChoice {
  name: ScaleName;
  /** Whether values have a sign that means something: then the scale is symmetric about 0. */
  signed: boolean;
  /** Typed lower end, limit and threshold; null: automatic. A lower end makes the range asymmetric. */
  low?: number | null;
  limit: number | null;
  threshold: number | null;
}

/** One extent that covers all of `extents`. */
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

/** The scale for an extent. Where nothing finite but 0 was logged, it goes to 1. */
export function makeScale(extent: Extent, choice: ScaleChoice): Scale {
  const high = choice.limit ?? (extent.magnitude > 0 ? extent.magnitude : 1);
  const automatic =
    choice.name === "log" ? Math.max(extent.small || 0, high * 10 ** -DECADES) : high * 10 ** -SYMLOG_DECADES;
  const threshold = Math.min(choice.threshold ?? automatic, high / 2);
  const automaticLow = choice.signed && choice.name !== "abs" ? -high : 0;
  const low = choice.name === "log" ? threshold : Math.min(choice.low ?? automaticLow, high / 2);
  return { name: choice.name, low, high, threshold };
}

/** The scale for logarithms, such as a state Jacobian's: linear between the least and the greatest. */
export function makeRawScale(extent: Extent): Scale {
  const low = Number.isFinite(extent.least) ? extent.least : 0;
  const high = extent.greatest > low ? extent.greatest : low + 1;
  return { name: "linear", low, high, threshold: (high - low) / 2, logarithms: true };
}

/** Where on a symlog scale the threshold stands, between 0 and 1. */
export function thresholdPlace(scale: Scale): number {
  return placer(scale)(scale.threshold);
}

/** The threshold that would stand at `place` of a symlog scale with these ends. */
export function thresholdAt(scale: Scale, place: number): number {
  const share = scale.low < 0 ? 2 * place - 1 : place;
  // share = log 2 / log(1 + high / threshold)
  const cut = Math.min(0.62, Math.max(0.02, share));
  return scale.high / Math.expm1(Math.LN2 / cut);
}

/** The edges of `bins` bins that are equally wide on the axis. */
export function edgesOf(axis: Scale, bins: number = BINS): number[] {
  const inner = Array.from({ length: bins - 1 }, (_, i) => valueAt(axis, (i + 1) / bins));
  return [axis.low, ...inner, axis.high];
}

/** Even, so that on a symmetric axis 0 is an edge. */
export const BINS = 64;
