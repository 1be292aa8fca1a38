/** Maps of one timestep against another: state Jacobians and itemised gradients. */

import { PADDING } from "../colour/bfloat16";
import { type MapName, mapColours } from "../colour/table";
import type { Metadata, Tensor, TensorRequest } from "../data/types";
import type { AxisNames } from "./heatmap/axes";

/** What a Jacobian is a derivative with respect to, as its record says: `wrt` of `state_jacobian`. */
const BY: Record<string, string> = { input: "input at timestep s", state: "state at timestep s" };

/**
 * The names of a state Jacobian's axes and what its cells hold, where the record says so; older records do
 * not.
 *
 * Chosen rows are named by their timesteps, if the record has as many rows as chosen timesteps.
 */
export function jacobianAxes({ details, symbol }: Partial<Metadata>, tensor: Tensor | null): AxisNames {
  const axes: AxisNames = { timesteps: "state at timestep t", channels: "timestep s" };
  const by = BY[String(details?.wrt)];
  if (by) axes.channels = by;
  const rows = tensor && chosenRows(details?.at, tensor);
  if (rows) axes.numbers = rows;
  if (typeof details?.reduced_by === "string") axes.values = `${symbol}, ${details.reduced_by}`;
  return axes;
}

/** The timesteps of the rows, counted from the front; null if the rows are all timesteps or unknown. */
function chosenRows(at: unknown, { timesteps: rows, channels: timesteps }: Tensor): number[] | null {
  const fits = (t: unknown): t is number =>
    Number.isInteger(t) && Number(t) >= -timesteps && Number(t) < timesteps;
  if (!Array.isArray(at) || at.length !== rows || !at.every(fits)) return null;
  return at.map((t) => (t < 0 ? t + timesteps : t));
}

/** The rows between which windows of truncated backpropagation meet, for rows of chosen timesteps. */
export function boundariesOfRows(window: number | null, rows: readonly number[]): number[] {
  if (window === null) return [];
  const windows = rows.map((t) => Math.floor(t / window));
  return windows.flatMap((window, row) => (row > 0 && window !== windows[row - 1] ? [row] : []));
}

/** The request for row t of a Jacobian, at every timestep s. */
export function rowRequest(tensor: Tensor, row: number): TensorRequest {
  const window = { c0: 0, c1: tensor.channels, t0: row, t1: row + 1 };
  return { ...tensor.request, window, pooled: null };
}

/** Row t of a Jacobian over s; null if the view does not hold it. Padding and values without a logarithm are gaps. */
export function rowOf(tensor: Tensor, row: number): (number | null)[] | null {
  const { values, rows, columns, window } = tensor.values;
  const { c0, c1, t0, t1 } = window;
  const whole = c0 === 0 && c1 === tensor.channels && rows === c1 - c0 && columns === t1 - t0;
  if (!whole || row < t0 || row >= t1) return null;
  return Array.from({ length: rows }, (_, s) => {
    const index = s * columns + row - t0;
    return tensor.codes.values[index] === PADDING || !Number.isFinite(values[index]) ? null : values[index];
  });
}

/** Colours for `count` curves of one picture, from the half of a map that contrasts with the theme's background. */
export function curveColours(count: number, map: MapName, dark: boolean): string[] {
  const bytes = mapColours(map);
  const [from, to] = dark ? [0.5, 1] : [0, 0.55];
  return Array.from({ length: count }, (_, i) => {
    const place = from + (to - from) * (count > 1 ? i / (count - 1) : 0.5);
    const index = Math.min(255, Math.floor(256 * place));
    const rgb = bytes.subarray(3 * index, 3 * index + 3);
    return `#${Array.from(rgb, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  });
}
