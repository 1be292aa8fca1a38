/** The numbers of a view for other programs, as they were logged. All files hold [timesteps, channels]. */

import { PADDING } from "../colour/bfloat16";
import type { Tensor, TensorRequest } from "../data/types";
import type { Grid, Window } from "../data/window";
import type { AxisNames } from "../maths/heatmap/axes";
import type { Order } from "../maths/heatmap/order";
import type { Table } from "../maths/table";

/** The file name for a view, without its ending. */
export function fileName({
  run,
  tag,
  step,
  show,
  time,
  reversed,
}: Omit<TensorRequest, "show"> & { show: number | string }): string {
  const shown = typeof show === "number" ? `sample${show}` : show;
  const arranged = [...(time ? [time] : []), ...(reversed ? ["processed"] : [])];
  return joined(run, tag, `step${step}`, shown, ...arranged);
}

/** Parts joined to a name that a file may have. */
export function joined(...parts: string[]): string {
  return parts.join("_").replace(/[^\w.-]+/g, "-");
}

/** The channels at places `c0` to `c1` of an order. */
export function channelsAt({ c0, c1 }: Window, order: Order | null): number[] {
  return Array.from({ length: c1 - c0 }, (_, i) => (order ? order.channels[c0 + i] : c0 + i));
}

/** The rows of some channels, in that order, from a view of every channel. */
export function pick(tensor: Tensor, channels: readonly number[]): Tensor {
  const { columns } = tensor.values;
  const rowsOf = <Values extends Float32Array | Uint16Array>(grid: Grid<Values>, values: Values) => {
    channels.forEach((channel, row) => {
      values.set(grid.values.subarray(channel * columns, (channel + 1) * columns), row * columns);
    });
    return { ...grid, values, rows: channels.length };
  };
  const size = channels.length * columns;
  return {
    ...tensor,
    values: rowsOf(tensor.values, new Float32Array(size)),
    codes: rowsOf(tensor.codes, new Uint16Array(size)),
  };
}

/**
 * Comma-separated values: a row for each timestep or lag, empty fields for padding, floats as short as
 * exactness allows.
 */
export function csv(tensor: Tensor, numbers: readonly number[], axes: AxisNames): string {
  const { values, columns, window } = tensor.values;
  const { time, reversed } = tensor.request;
  const isReversed = (channel: number) => reversed?.some(([from, to]) => channel >= from && channel < to);
  const channels = numbers.map((c) => `${axes.channels} ${c}${isReversed(c) ? " as processed" : ""}`);
  const first = `${time ?? axes.timesteps}${axes.values ? ` (${axes.values})` : ""}`;
  const lines = [[quoted(first), ...channels].join()];
  for (let t = 0; t < columns; t++) {
    const cells = channels.map((_, c) => {
      const index = c * columns + t;
      return tensor.codes.values[index] === PADDING ? "" : plain(values[index]);
    });
    const number = window.t0 + t;
    lines.push([axes.numbers?.[number] ?? number, ...cells].join());
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

/** An NPY file of float32 [timesteps, channels], with NaN for padding. */
export function npy(tensor: Tensor): Uint8Array<ArrayBuffer> {
  const { values, rows, columns } = tensor.values;
  // [channels, timesteps] row by row is [timesteps, channels] column by column.
  return npyFile("<f4", [columns, rows], values);
}

/** Comma-separated values, with the rows' numbers first and empty fields where there is no number. */
export function tableCsv({ index: [name, numbers], names, columns }: Table): string {
  const rows = numbers.map((number, row) => [number, ...columns.map((column) => text(column[row]))]);
  return `${[[name, ...names].map(quoted), ...rows].map((row) => row.join()).join("\n")}\n`;
}

/** An NPY file of float64 [rows, columns] without the rows' numbers, with NaN where there is no number. */
export function tableNpy({ index: [, numbers], columns }: Table): Uint8Array<ArrayBuffer> {
  const values = Float64Array.from(
    columns.flatMap((column) => numbers.map((_, row) => column[row] ?? Number.NaN)),
  );
  return npyFile("<f8", [numbers.length, columns.length], values);
}

/**
 * A row for each timestep or lag and a column for each sample, from a view with samples as rows. Padding has
 * no number.
 */
export function samplesTable({ values, codes }: Tensor, time: string): Table {
  const { columns, window } = values;
  const rows = Array.from({ length: values.rows }, (_, sample) => sample);
  return {
    index: [time, Array.from({ length: columns }, (_, t) => window.t0 + t)],
    names: rows.map((sample) => `sample ${sample}`),
    columns: rows.map((sample) =>
      Array.from(values.values.subarray(sample * columns, (sample + 1) * columns), (value, t) =>
        codes.values[sample * columns + t] === PADDING ? null : value,
      ),
    ),
  };
}

/** A row for each sample and a column for each channel, from views of one timestep. */
export function pointsTable(samples: readonly Tensor[]): Table {
  const channels = Array.from({ length: samples[0].channels }, (_, c) => c);
  return {
    index: ["sample", samples.map((_, i) => i)],
    names: channels.map((c) => `channel ${c}`),
    columns: channels.map((c) => samples.map(({ values }) => values.values[c])),
  };
}

function text(value: number | null | undefined): string {
  if (value === null || value === undefined) return "";
  return Math.fround(value) === value || !Number.isFinite(value) ? plain(value) : String(value);
}

/** A CSV field, quoted by RFC 4180 if it contains a comma or a quotation mark. */
function quoted(field: string): string {
  return /[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

/** A file in NumPy's format, version 1.0, of values stored column by column. */
function npyFile(
  type: string,
  [rows, columns]: [number, number],
  values: Float32Array | Float64Array,
): Uint8Array<ArrayBuffer> {
  const described = `{'descr': '${type}', 'fortran_order': True, 'shape': (${rows}, ${columns}), }`;
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
