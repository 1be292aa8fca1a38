import {
  type Extent,
  makeRawScale,
  makeScale,
  type Scale,
  type ScaleChoice,
  type ScaleName,
  union,
} from "../colour/scale";
import { DIVERGING_NAMES, type MapName, SEQUENTIAL_NAMES } from "../colour/table";
import { isNorm, isRaw, WEIGHTS } from "../data/quantities";
import { isOfEachSample, PROBABILITIES, type ShowChoice, type Tensor } from "../data/types";
import type { Percentile } from "../state/options";
import type { State } from "../state/state";

/** Whether the shown values have a meaningful sign. */
export function isSigned(show: ShowChoice): boolean {
  return typeof show === "number" || isOfEachSample(show) || show === "mean";
}

/** What one view adds to a colour range. */
export function extentOf(tensor: Tensor, percentile: Percentile = 100): Extent {
  const [least, greatest] = tensor.range;
  const quantile = tensor.quantiles[PROBABILITIES.findIndex((p) => p === percentile / 100)];
  const magnitude = quantile ?? Math.max(Math.abs(least), Math.abs(greatest));
  return { least, greatest, magnitude, small: tensor.quantiles[0] };
}

/** The scale for everything that `extents` describe, all of the same quantity. */
export function scaleFor(extents: readonly Extent[], state: State, quantity: string | undefined): Scale {
  const extent = union(extents);
  if (isRaw(quantity)) return makeRawScale(extent);
  const choice: ScaleChoice = {
    name: state.scale ?? scaleOfQuantity(quantity),
    signed: (isSigned(state.show) && !isNorm(quantity)) || WEIGHTS.includes(quantity ?? ""),
    low: state.low,
    limit: state.limit,
    threshold: state.threshold,
  };
  return makeScale(extent, choice);
}

/** Whether a scale has a middle that a diverging map should show. */
export function isDiverging(scale: Scale): boolean {
  return scale.low < 0 && scale.low === -scale.high;
}

/** The chosen map if it fits the scale, else the theme's default. */
export function mapFor(scale: Scale, chosen: MapName | null, dark: boolean): MapName {
  const fitting: readonly MapName[] = isDiverging(scale) ? DIVERGING_NAMES : SEQUENTIAL_NAMES;
  if (chosen && fitting.includes(chosen)) return chosen;
  if (!isDiverging(scale)) return "viridis";
  return dark ? "berlin" : "vik";
}

/** The scale that suits a quantity: gradients span decades in both signs; weights, states and outputs do not. */
export function scaleOfQuantity(quantity = ""): ScaleName {
  return quantity.includes("gradient") ? "symlog" : "linear";
}
