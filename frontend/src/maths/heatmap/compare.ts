/** Comparisons of two views cell by cell: their difference, and the ratio of their magnitudes. */

import { PADDING, toCodes } from "../../colour/bfloat16";
import type { Tensor } from "../../data/types";
import { isExact } from "../../data/window";

export const COMPARISONS = ["difference", "ratio"] as const;
export type Comparison = (typeof COMPARISONS)[number];

/** The ways to compare: two views cell by cell, or A over B with a divider. */
export const WAYS = [...COMPARISONS, "swipe"] as const;
export type Way = (typeof WAYS)[number];

/** The formula of each comparison. The ratio of 0 to 0 is NaN; of anything else to 0 it is Inf. */
const FORMULAS: Record<Comparison, (a: number, b: number) => number> = {
  difference: (a, b) => a - b,
  ratio: (a, b) => Math.log10(Math.abs(a) / Math.abs(b)),
};

const QUIET_NAN = 0x7fc00000;
const PADDING_BITS = 0x7fc10000;

/** A view that compares `a` with `b`, or a sentence that says why it cannot. A cell is padding if either one is. */
export function compare(a: Tensor, b: Tensor, comparison: Comparison): Tensor | string {
  if (a.channels !== b.channels || a.timesteps !== b.timesteps) {
    return `A has ${a.channels} channels and ${a.timesteps} timesteps, B has ${b.channels} and ${b.timesteps}: cell by cell there is nothing to compare.`;
  }
  const [wa, wb] = [a.values.window, b.values.window];
  const same = wa.c0 === wb.c0 && wa.c1 === wb.c1 && wa.t0 === wb.t0 && wa.t1 === wb.t1;
  if (!same || !isExact(a.values) || !isExact(b.values)) {
    return "The records are too large to compare as a whole. Zoom in until every cell is seen.";
  }
  const formula = FORMULAS[comparison];
  const values = new Float32Array(a.values.values.length);
  const bits = new Uint32Array(values.buffer);
  const counts = { real: 0, padding: 0, zero: 0, nan: 0, posinf: 0, neginf: 0 };
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const magnitudes: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (a.codes.values[i] === PADDING || b.codes.values[i] === PADDING) {
      bits[i] = PADDING_BITS;
      counts.padding++;
      continue;
    }
    counts.real++;
    values[i] = formula(a.values.values[i], b.values.values[i]);
    const value = values[i];
    if (Number.isNaN(value)) {
      bits[i] = QUIET_NAN;
      counts.nan++;
    } else if (!Number.isFinite(value)) counts[value > 0 ? "posinf" : "neginf"]++;
    else {
      least = Math.min(least, value);
      greatest = Math.max(greatest, value);
      if (value === 0) counts.zero++;
      else magnitudes.push(Math.abs(value));
    }
  }
  magnitudes.sort((a, b) => a - b);
  const finite = least <= greatest;
  return {
    ...a,
    values: { ...a.values, values },
    codes: { ...a.codes, values: toCodes(bits) },
    range: finite ? [least, greatest] : [Number.NaN, Number.NaN],
    quantiles: [magnitudes[Math.round(0.01 * (magnitudes.length - 1))] ?? Number.NaN],
    counts,
    narrowed: { flushed: 0, overflowed: 0 },
  };
}
