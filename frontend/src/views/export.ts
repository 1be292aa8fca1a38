/** The numbers of a view for other programs. All of [timesteps, channels], as they were logged. */

import { PADDING } from "../colour/bfloat16";
import type { Window } from "../data/pool";
import type { Reduction, Tensor, TensorRequest } from "../data/types";

/** Name of a file for a view, without its ending. */
export function fileName({ run, tag, step, show }: TensorRequest): string {
  const shown = typeof show === "number" ? `sample${show}` : show;
  return [run, tag, `step${step}`, shown].join("_").replace(/[^\w.-]+/g, "-");
}

/** Comma-separated values: a row for each timestep, padding empty, floats as short as is exact. */
export function csv(tensor: Tensor): string {
  const { values, rows, columns, window } = tensor.values;
  const channels = Array.from({ length: rows }, (_, c) => `channel ${window.c0 + c}`);
  const lines = [["timestep", ...channels].join()];
  for (let t = 0; t < columns; t++) {
    const cells = channels.map((_, c) => {
      const index = c * columns + t;
      return tensor.codes.values[index] === PADDING ? "" : plain(values[index]);
    });
    lines.push([window.t0 + t, ...cells].join());
  }
  return `${lines.join("\n")}\n`;
}

function plain(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  for (let digits = 6; digits < 9; digits++) {
    const text = Number(value.toPrecision(digits));
    if (Math.fround(text) === value) return String(text);
  }
  return String(Number(value.toPrecision(9)));
}

/** NumPy's file format, version 1.0: float32 [timesteps, channels], padding NaN. */
export function npy(tensor: Tensor): Uint8Array<ArrayBuffer> {
  const { values, rows, columns } = tensor.values;
  // Row by row [channels, timesteps] is column by column [timesteps, channels].
  const described = `{'descr': '<f4', 'fortran_order': True, 'shape': (${columns}, ${rows}), }`;
  const header = `${described.padEnd(Math.ceil((described.length + 11) / 64) * 64 - 11)}\n`;
  const prefix = [
    0x93,
    ...[..."NUMPY"].map((c) => c.charCodeAt(0)),
    1,
    0,
    header.length & 255,
    header.length >> 8,
  ];
  const file = new Uint8Array(10 + header.length + values.byteLength);
  file.set(prefix);
  file.set(new TextEncoder().encode(header), 10);
  file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), 10 + header.length);
  return file;
}

const REDUCE: Record<Reduction, string> = {
  mean: "data.mean(axis=0)",
  mean_abs: "abs(data).mean(axis=0)",
  rms: "np.sqrt((data**2).mean(axis=0))",
  max_abs: "abs(data).max(axis=0)",
  std: "data.std(axis=0)",
};

/** The lines of Python that read exactly this view: `view`, [timesteps, channels]. */
export function python(
  { run, tag, step, show }: TensorRequest,
  window: Window | null,
  logdir: string,
): string {
  const read = `tb_rnngrad.read(${quote(logdir)}, run=${quote(run)}, tag=${quote(tag)}).at(${step})`;
  const cut = window ? `${window.t0}:${window.t1}, ${window.c0}:${window.c1}` : "";
  if (typeof show === "number") {
    return `import tb_rnngrad

record = ${read}
view = record.sequences[${cut ? `${show}, ${cut}` : show}]  # [timesteps, channels]
`;
  }
  return `import numpy as np
import tb_rnngrad

record = ${read}
data = np.ma.array(record.sequences, dtype=np.float64)
if record.mask is not None:
    data[~record.mask] = np.ma.masked
view = ${REDUCE[show]}${cut && `[${cut}]`}  # [timesteps, channels]
`;
}

/** A Python string literal: JSON's escapes are all Python's, too. */
function quote(text: string): string {
  return JSON.stringify(text);
}
