import { PADDING } from "../colour/bfloat16";
import { rangesOf } from "../data/channel_groups";
import { isMatrix, isNorm, isRaw, isWeight } from "../data/quantities";
import { nearestStep, type Series } from "../data/series";
import {
  type Arrangement,
  isOfEachSample,
  type Show,
  type ShowChoice,
  type Tensor,
  type TensorRequest,
} from "../data/types";
import { intersect, type Window } from "../data/window";
import type { AxisNames } from "../maths/heatmap/axes";
import { jacobianAxes } from "../maths/jacobian";
import { weightAxes } from "../maths/weights";
import type { State } from "../state/state";

/** Fetch records of at most this many cells whole; pool larger ones to the size of a large screen. */
export const WHOLE_CELLS = 2 ** 20;
const POOLED = { rows: 720, columns: 2048 };

/** The view of `series` at the kept step nearest to `step`; null if it keeps no step. */
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

/** The arrangement that the user chose for the timesteps of a series. */
export function arrangementOf(series: Series, state: State): Arrangement {
  if (isMatrix(series)) return {};
  return {
    time: state.time === "lag" ? "lag" : undefined,
    reversed: state.backward === "processed" ? backwardChannels(series) : undefined,
  };
}

/** The channels of a layer's backward direction; undefined if it has none. */
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

/** The same view in full detail for a window; null if `tensor` already has it. */
export function detailFor(tensor: Tensor, window: Window | null): TensorRequest | null {
  const { rows, columns } = tensor.values;
  if (rows === tensor.channels && columns === tensor.timesteps) return null;
  const whole = { c0: 0, c1: tensor.channels, t0: 0, t1: tensor.timesteps };
  if (tensor.channels * tensor.timesteps <= WHOLE_CELLS)
    return { ...tensor.request, window: whole, pooled: null };
  return window ? { ...tensor.request, window } : null;
}

/** The pictures of a series for a choice: one, or one for each kept sample. */
export function showsOf(choice: ShowChoice, { entry }: Series): Show[] {
  if (isWeight(entry)) return [0];
  return isOfEachSample(choice) ? Array.from({ length: entry.samples }, (_, i) => i) : [choice];
}

/** The visible part of a view: what it has of `window`, or all of it. */
export function windowOf(tensor: Tensor, window: Window | null): Window {
  const whole = { c0: 0, c1: tensor.channels, t0: 0, t1: tensor.timesteps };
  const cut = window ? intersect(window, whole) : whole;
  return cut.c0 < cut.c1 && cut.t0 < cut.t1 ? cut : whole;
}

/** The names of a picture's axes. Matrices have rows in place of timesteps. */
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

/** One channel of a view over its timesteps. Padding and values that are not finite are gaps. */
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

/** The request for one channel at every timestep. */
export function curveRequest(tensor: Tensor, channel: number): TensorRequest {
  const window = { c0: channel, c1: channel + 1, t0: 0, t1: tensor.timesteps };
  return { ...tensor.request, window, pooled: null };
}

/** Whether a view holds every channel by itself, so that the channels may be ordered. */
export function hasEveryChannel({ values, channels }: Tensor): boolean {
  return values.rows === channels;
}

/** Whether a view holds every cell of the record. */
export function isWhole({ values, channels, timesteps }: Tensor): boolean {
  return values.rows === channels && values.columns === timesteps;
}
