/** The most important channel: the one of the largest norm. No DOM. */

import type { Tensor } from "../data/types";

const known = new WeakMap<Tensor, ReadonlyMap<number, number>>();

/** The squared norm, over finite values, of each channel that a view holds by itself. */
function squaredNorms(tensor: Tensor): ReadonlyMap<number, number> {
  const found = known.get(tensor) ?? squares(tensor);
  known.set(tensor, found);
  return found;
}

function squares({ values: { values, rows, columns, window } }: Tensor): ReadonlyMap<number, number> {
  const norms = new Map<number, number>();
  if (rows !== window.c1 - window.c0) return norms;
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let i = row * columns; i < (row + 1) * columns; i++) {
      const square = values[i] ** 2;
      if (square < Number.POSITIVE_INFINITY) sum += square; // skips padding too, which is NaN
    }
    norms.set(window.c0 + row, sum);
  }
  return norms;
}

/** The channel of the largest norm over all views, the first of equal ones; null if no view holds one by itself. */
export function leadingChannel(tensors: readonly Tensor[]): number | null {
  const sums = new Map<number, number>();
  for (const tensor of tensors)
    for (const [channel, square] of squaredNorms(tensor))
      sums.set(channel, (sums.get(channel) ?? 0) + square);
  let leading: number | null = null;
  for (const [channel, sum] of sums)
    if (leading === null || sum > (sums.get(leading) ?? 0)) leading = channel;
  return leading;
}
