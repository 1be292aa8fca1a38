import { PADDING, toCodes } from "../../colour/bfloat16";
import type { Flow, Tensor } from "../../data/types";
import { intersect, type Window } from "../../data/window";
import type { Table } from "../table";
import { type FlowAxis, indexOf, OF_AXIS, statistic } from "./flow";
import { type FlowStatistic, reader } from "./statistics";

const PADDING_BITS = 0x7fc10000; // the bits by which /tensor marks padding

/** A statistic as a picture, [timesteps or lags, steps]. */
export function flowMap(flow: Flow, axis: FlowAxis, drawn: FlowStatistic, run: string, tag: string): Tensor {
  const [valueAt, isReal] = [reader(flow, axis, drawn), realIn(flow, axis)];
  const { steps, timesteps } = flow;
  return picture(run, tag, timesteps, steps.length, drawn.scale === "log", (row, column) => {
    const i = column * timesteps + row;
    return isReal(i) ? valueAt(i) : null;
  });
}

/** Gives whether a cell is a timestep that any sample has; true for all if the log does not say. */
function realIn(flow: Flow, axis: FlowAxis): (i: number) => boolean {
  const { real } = OF_AXIS[axis];
  const samples = statistic(flow, real);
  return real in flow.columns ? (i) => samples[i] > 0 : () => true;
}

/** The smallest positive float32: an exact 0 would look vanished. */
const LEAST = 2 ** -149;

/** A map relative to each step's largest finite value. A step with no value above 0 stays as it is. */
export function relativeMap(map: Tensor): Tensor {
  const { values, rows, columns } = map.values;
  const largest = new Float64Array(columns);
  values.forEach((value, i) => {
    if (value > largest[i % columns] && value < Number.POSITIVE_INFINITY) largest[i % columns] = value;
  });
  const { run, tag } = map.request;
  return picture(run, tag, rows, columns, true, (row, column) => {
    const i = row * columns + column;
    if (map.codes.values[i] === PADDING) return null;
    return values[i] > 0 && largest[column] > 0 ? Math.max(LEAST, values[i] / largest[column]) : values[i];
  });
}

/** log10 of the ratio of a's statistic to b's, at a's steps and b's nearest ones. It is padding where either is. */
export function ratioMap(
  a: Flow,
  b: Flow,
  axis: FlowAxis,
  drawn: FlowStatistic,
  run: string,
  tag: string,
): Tensor {
  const [valueA, isRealA] = [reader(a, axis, drawn), realIn(a, axis)];
  const [valueB, isRealB] = [reader(b, axis, drawn), realIn(b, axis)];
  const steps = a.steps.map(([step]) => indexOf(b, step));
  const rows = Math.max(a.timesteps, b.timesteps);
  return picture(run, tag, rows, a.steps.length, false, (row, column) => {
    if (row >= a.timesteps || row >= b.timesteps) return null;
    const [i, j] = [column * a.timesteps + row, steps[column] * b.timesteps + row];
    return isRealA(i) && isRealB(j) ? Math.log10(valueA(i) / valueB(j)) : null;
  });
}

/** The numbers of a picture, a row for each step. `window` is as `columnsIn` gives it. Padding has no number. */
export function flowTable(flow: Flow, axis: FlowAxis, picture: Tensor, window: Window): Table {
  const { values, codes } = picture;
  const rows = Array.from({ length: window.c1 - window.c0 }, (_, i) => window.c0 + i);
  const steps = Array.from({ length: window.t1 - window.t0 }, (_, i) => window.t0 + i);
  const cell = (row: number, step: number) => {
    const i = row * values.columns + step;
    return codes.values[i] === PADDING ? null : values.values[i];
  };
  return {
    index: ["step", steps.map((step) => flow.steps[step][0])],
    names: rows.map((row) => `${axis} ${row}`),
    columns: rows.map((row) => steps.map((step) => cell(row, step))),
  };
}

/**
 * The visible part of a flow's map, in its own rows and columns; all of the map if `window` contains none of
 * it.
 *
 * The rows of `window` are timesteps or lags. Its columns are training steps, which runs share even if their
 * columns differ.
 */
export function columnsIn(flow: Flow, rows: number, window: Window | null): Window {
  const whole = { c0: 0, c1: rows, t0: 0, t1: flow.steps.length };
  if (!window) return whole;
  const [t0, t1] = [window.t0, window.t1].map((edge) => flow.steps.filter(([step]) => step < edge).length);
  const cut = { ...intersect(window, { ...whole, t0: window.t0, t1: window.t1 }), t0, t1 };
  return cut.c0 < cut.c1 && t0 < t1 ? cut : whole;
}

/** The same window with training steps for its columns. */
export function stepsIn(flow: Flow, window: Window): Window {
  return { ...window, t0: flow.steps[window.t0][0], t1: flow.steps[window.t1 - 1][0] + 1 };
}

/**
 * A picture of the values that `at` gives, null for padding. Its range covers all numbers, or only the
 * positive ones.
 */
function picture(
  run: string,
  tag: string,
  rows: number,
  columns: number,
  positive: boolean,
  at: (row: number, column: number) => number | null,
): Tensor {
  const values = new Float32Array(rows * columns);
  const bits = new Uint32Array(values.buffer);
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const [i, value] = [row * columns + column, at(row, column)];
      if (value === null) bits[i] = PADDING_BITS;
      else values[i] = value;
      if (value === null || !Number.isFinite(value) || (positive && value <= 0)) continue;
      if (value < least) least = value;
      if (value > greatest) greatest = value;
    }
  }
  const window = { c0: 0, c1: rows, t0: 0, t1: columns };
  const range: [number, number] = least <= greatest ? [least, greatest] : [Number.NaN, Number.NaN];
  return {
    request: { run, tag, step: 0, wallTime: 0, show: 0, window: null, pooled: null },
    values: { values, rows, columns, window },
    codes: { values: toCodes(bits), rows, columns, window },
    channels: rows,
    timesteps: columns,
    kept: 1,
    batch: 1,
    range,
    quantiles: [range[0]],
    counts: { real: values.length, padding: 0, zero: 0, nan: 0, posinf: 0, neginf: 0 },
    narrowed: { flushed: 0, overflowed: 0 },
  };
}
