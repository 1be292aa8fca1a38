/** From what was chosen and what came to what is drawn: requests, scales, curves. No DOM. */

import type { Series } from "./choices";
import { nearestStep } from "./choices";
import { PADDING } from "./colour/bfloat16";
import {
  type Extent,
  makeRawScale,
  makeScale,
  type Scale,
  type ScaleChoice,
  type ScaleName,
  union,
} from "./colour/scale";
import type { MapName } from "./colour/table";
import { DIVERGING_NAMES, SEQUENTIAL_NAMES } from "./colour/table";
import { intersect, type Window } from "./data/pool";
import {
  type Arrangement,
  isOfEachSample,
  PROBABILITIES,
  type Show,
  type ShowChoice,
  type TagEntry,
  type Tensor,
  type TensorRequest,
} from "./data/types";
import type { Percentile, State } from "./state";
import type { AxisNames } from "./views/axes";
import { rangesOf } from "./views/groups";
import { jacobianAxes } from "./views/jacobian";
import { isWeight, WEIGHTS, weightAxes } from "./views/weights";

/** Records of up to so many cells are fetched whole; larger ones pooled to what a large screen shows. */
export const WHOLE_CELLS = 2 ** 20;
const POOLED = { rows: 720, columns: 2048 };

/** The view of `series` at the kept step nearest to `step`; null where it keeps none. */
export function requestFor(
  series: Series,
  step: number,
  show: Show,
  { time, reversed }: Arrangement = {},
): TensorRequest | null {
  const kept = nearestStep(series.entry.steps, step);
  if (!kept) return null;
  const [nearest, wallTime] = kept;
  const { run, tag } = series;
  return { run, tag, step: nearest, wallTime, show, window: null, pooled: POOLED, time, reversed };
}

/** Whether a record is a matrix: rows and channels, no sequence. */
export function isMatrix({ entry }: Series): boolean {
  const { quantity } = entry.metadata;
  return quantity === "state_jacobian" || isWeight(entry);
}

/** How the user wants the timesteps of a series to stand. */
export function arrangementOf(series: Series, state: State): Arrangement {
  if (isMatrix(series)) return {};
  return {
    time: state.time === "lag" ? "lag" : undefined,
    reversed: state.backward === "processed" ? backwardChannels(series) : undefined,
  };
}

/** The channels of a layer's backward direction; undefined where it has none. */
export function backwardChannels({ entry }: Series): [number, number][] | undefined {
  const ranges = rangesOf(entry.metadata.channel_groups ?? []).flatMap(
    ({ name, from, to }): [number, number][] => (name.split("/").includes("backward") ? [[from, to]] : []),
  );
  return ranges.length > 0 ? ranges : undefined;
}

/** The same view of `series` at the kept step nearest to another step. */
export function atStep({ entry }: Series, request: TensorRequest, step: number): TensorRequest {
  const [nearest, wallTime] = nearestStep(entry.steps, step) ?? [request.step, request.wallTime];
  return { ...request, step: nearest, wallTime };
}

/** The same view in all detail of a window, or null where `tensor` has it already. */
export function detailFor(tensor: Tensor, window: Window | null): TensorRequest | null {
  const { rows, columns } = tensor.values;
  if (rows === tensor.channels && columns === tensor.timesteps) return null;
  const whole = { c0: 0, c1: tensor.channels, t0: 0, t1: tensor.timesteps };
  if (tensor.channels * tensor.timesteps <= WHOLE_CELLS)
    return { ...tensor.request, window: whole, pooled: null };
  return window ? { ...tensor.request, window } : null;
}

/** The pictures that a choice makes of a series: one, or one for each kept sample. */
export function showsOf(choice: ShowChoice, { entry }: Series): Show[] {
  if (isWeight(entry)) return [0];
  return isOfEachSample(choice) ? Array.from({ length: entry.samples }, (_, i) => i) : [choice];
}

/** What is seen of a view: the part of `window` that it has, or all of it. */
export function windowOf(tensor: Tensor, window: Window | null): Window {
  const whole = { c0: 0, c1: tensor.channels, t0: 0, t1: tensor.timesteps };
  const cut = window ? intersect(window, whole) : whole;
  return cut.c0 < cut.c1 && cut.t0 < cut.t1 ? cut : whole;
}

/** Whether the sign of what is shown means something. */
export function isSigned(show: ShowChoice): boolean {
  return typeof show === "number" || isOfEachSample(show) || show === "mean";
}

/** What the axes of a picture are called: matrices have rows in the place of timesteps. */
export function axesOf(
  { tag, entry }: Pick<Series, "tag" | "entry">,
  tensor: Tensor | null,
  { time, reversed }: Arrangement = {},
): AxisNames {
  const { quantity } = entry.metadata;
  if (isRaw(quantity)) return jacobianAxes(entry.metadata, tensor);
  if (isWeight(entry)) return weightAxes(tag);
  const channels = isNorm(quantity) ? "chosen loss" : "channel";
  if (reversed) return { timesteps: `${time ?? "timestep"}, backward as processed`, channels };
  return { timesteps: time ? "lag (0: last timestep)" : "timestep", channels };
}

/** Whether there are tensors of a tag, not flow alone; an error is told in their place. */
export function hasTensors({ steps, error }: TagEntry): boolean {
  return steps.length > 0 || error !== undefined;
}

/** Whether a record has timesteps, of which the flow tells; matrices have rows. */
export function hasFlow({ metadata }: TagEntry): boolean {
  const { quantity = "" } = metadata;
  const other = quantity.startsWith("weight") || ["state_jacobian", "itemized_gradient"].includes(quantity);
  return !other && (metadata.statistics?.includes("lag_norm_mean") ?? false);
}

/** Whether a record is of sequences: matrices and itemised gradients have rows of another kind. */
export function isSequence(entry: TagEntry): boolean {
  const { quantity } = entry.metadata;
  return !isWeight(entry) && !isRaw(quantity) && !isNorm(quantity);
}

/** Whether the numbers are logarithms already. */
export function isRaw(quantity: string | undefined): boolean {
  return quantity === "state_jacobian";
}

/** Whether the numbers are norms, which have no sign. */
export function isNorm(quantity: string | undefined): boolean {
  return quantity === "itemized_gradient";
}

/** What one view adds to a colour range. */
export function extentOf(tensor: Tensor, percentile: Percentile = 100): Extent {
  const [least, greatest] = tensor.range;
  const quantile = tensor.quantiles[PROBABILITIES.findIndex((p) => p === percentile / 100)];
  const magnitude = quantile ?? Math.max(Math.abs(least), Math.abs(greatest));
  return { least, greatest, magnitude, small: tensor.quantiles[0] };
}

/** The one scale of everything that `extents` describe, all of the same quantity. */
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

/** What suits a quantity: gradients span decades, of both signs; weights, states and outputs do not. */
export function scaleOfQuantity(quantity = ""): ScaleName {
  return quantity.includes("gradient") ? "symlog" : "linear";
}

/** Whether a scale has a middle that a diverging map should show. */
export function isDiverging(scale: Scale): boolean {
  return scale.low < 0 && scale.low === -scale.high;
}

/** The chosen map where it fits the scale, else the default of the theme. */
export function mapFor(scale: Scale, chosen: MapName | null, dark: boolean): MapName {
  const fitting: readonly MapName[] = isDiverging(scale) ? DIVERGING_NAMES : SEQUENTIAL_NAMES;
  if (chosen && fitting.includes(chosen)) return chosen;
  if (!isDiverging(scale)) return "viridis";
  return dark ? "berlin" : "vik";
}

/** One channel of a view over its timesteps; padding and what is not finite are gaps. */
export function curve(tensor: Tensor, channel: number): (number | null)[] {
  const { values, columns, window } = tensor.values;
  const line: (number | null)[] = new Array(tensor.timesteps).fill(null);
  const base = (channel - window.c0) * columns;
  for (let column = 0; column < columns; column++) {
    const value = values[base + column];
    if (tensor.codes.values[base + column] !== PADDING && Number.isFinite(value))
      line[window.t0 + column] = value;
  }
  return line;
}

/** The request for one channel in every timestep. */
export function curveRequest(tensor: Tensor, channel: number): TensorRequest {
  const window = { c0: channel, c1: channel + 1, t0: 0, t1: tensor.timesteps };
  return { ...tensor.request, window, pooled: null };
}

/** Whether a view holds every channel by itself, so that they may be ordered. */
export function hasEveryChannel({ values, channels }: Tensor): boolean {
  return values.rows === channels;
}

/** Whether a view holds every cell of the record. */
export function isWhole({ values, channels, timesteps }: Tensor): boolean {
  return values.rows === channels && values.columns === timesteps;
}
