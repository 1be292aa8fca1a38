/** One channel of every sample: a view of samples by timesteps. No DOM. */

import { PADDING } from "../../colour/bfloat16";
import type { Counts, Tensor } from "../../data/types";

/**
 * A view with a row for each sample, [samples, timesteps], of a channel that each of `tensors` holds by
 * itself.
 *
 * Returns a sentence instead if one does not hold it, or if their timesteps differ.
 */
export function acrossSamples(tensors: readonly Tensor[], channel: number): Tensor | string {
  const [first] = tensors;
  if (channel >= first.channels)
    return `There is no channel ${channel}: the last one is ${first.channels - 1}.`;
  const window = { ...first.values.window, c0: 0, c1: tensors.length };
  const { columns } = first.values;
  const values = new Float32Array(tensors.length * columns);
  const codes = new Uint16Array(values.length);
  for (const [row, tensor] of tensors.entries()) {
    const { c0, c1 } = tensor.values.window;
    const alone = tensor.values.rows === c1 - c0 && channel >= c0 && channel < c1;
    if (!alone || tensor.values.columns !== columns)
      return "This record is too large to show a channel of every sample.";
    const from = (channel - c0) * columns;
    values.set(tensor.values.values.subarray(from, from + columns), row * columns);
    codes.set(tensor.codes.values.subarray(from, from + columns), row * columns);
  }
  const grid = { rows: tensors.length, columns, window };
  return {
    ...first,
    channels: tensors.length,
    values: { ...grid, values },
    codes: { ...grid, values: codes },
    counts: counted(values, codes),
  };
}

function counted(values: Float32Array, codes: Uint16Array): Counts {
  const counts: Counts = { real: 0, padding: 0, zero: 0, nan: 0, posinf: 0, neginf: 0 };
  values.forEach((value, i) => {
    if (codes[i] === PADDING) counts.padding++;
    else {
      counts.real++;
      if (Number.isNaN(value)) counts.nan++;
      else if (!Number.isFinite(value)) counts[value > 0 ? "posinf" : "neginf"]++;
      else if (value === 0) counts.zero++;
    }
  });
  return counts;
}
