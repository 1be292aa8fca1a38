/** What a cell of a view says, in words. */

import { PADDING } from "../../colour/bfloat16";
import { exact } from "../../colour/ticks";
import type { Arrangement, Tensor } from "../../data/types";
import { blockOf, blockStart } from "../../data/window";
import type { AxisNames } from "./axes";

export interface Reading {
  /** The exact float32, "padding", or another word for what is there. */
  text: string;
  value: number | null;
  /** "largest of 4 x 2 cells" if the view holds blocks of cells. */
  note: string;
}

/** A column of a view in words: "timestep 3" or "lag 3"; for a matrix, by the name of its axis. */
export function timeName(
  t: number,
  { time, reversed }: Arrangement,
  channel: number,
  { timesteps, numbers }: Pick<AxisNames, "timesteps" | "numbers"> = { timesteps: "timestep" },
): string {
  const processed = reversed?.some(([first, end]) => channel >= first && channel < end);
  return `${time ?? timesteps} ${numbers?.[t] ?? t}${processed ? " as processed" : ""}`;
}

/** What a view holds at a channel and timestep of the record; null outside of the view. */
export function read(tensor: Tensor, channel: number, timestep: number): Reading | null {
  const { values, rows, columns, window } = tensor.values;
  const { c0, c1, t0, t1 } = window;
  if (channel < c0 || channel >= c1 || timestep < t0 || timestep >= t1) return null;
  const row = blockOf(channel - c0, c1 - c0, rows);
  const column = blockOf(timestep - t0, t1 - t0, columns);
  const high = blockStart(row + 1, c1 - c0, rows) - blockStart(row, c1 - c0, rows);
  const wide = blockStart(column + 1, t1 - t0, columns) - blockStart(column, t1 - t0, columns);
  const note = high * wide > 1 ? `largest of ${high} × ${wide} cells` : "";
  const index = row * columns + column;
  if (tensor.codes.values[index] === PADDING) return { text: "padding", value: null, note };
  return { text: exact(values[index]), value: values[index], note };
}
