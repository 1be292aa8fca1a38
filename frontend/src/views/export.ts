/** The numbers of a view for other programs. All of [timesteps, channels], as they were logged. */

import { PADDING } from "../colour/bfloat16";
import { isOfMagnitudes } from "../colour/scale";
import type { Grid, Window } from "../data/pool";
import type { Histogram, Reduction, Tensor, TensorRequest } from "../data/types";
import type { AxisNames } from "./axes";
import { rangesOf } from "./groups";
import type { Order } from "./order";

/** Name of a file for a view, without its ending. */
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

/** Parts of a name as a file may have it. */
export function joined(...parts: string[]): string {
  return parts.join("_").replace(/[^\w.-]+/g, "-");
}

/** The channels that places `c0` to `c1` of an order show. */
export function channelsAt({ c0, c1 }: Window, order: Order | null): number[] {
  return Array.from({ length: c1 - c0 }, (_, i) => (order ? order.channels[c0 + i] : c0 + i));
}

/** The rows of some channels, in that order, of a view of every channel. */
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

/** Comma-separated values: a row for each timestep or lag, padding empty, floats as short as is exact. */
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

/** float32 [timesteps, channels], padding NaN. */
export function npy(tensor: Tensor): Uint8Array<ArrayBuffer> {
  const { values, rows, columns } = tensor.values;
  // Row by row [channels, timesteps] is column by column [timesteps, channels].
  return npyFile("<f4", [columns, rows], values);
}

/** Columns of numbers, each with its name. */
export interface Table {
  /** What the rows are: their name and their numbers, such as training steps. */
  index: [name: string, numbers: readonly number[]];
  names: string[];
  /** As many numbers each as there are rows; null and undefined: none. */
  columns: ArrayLike<number | null | undefined>[];
}

/** Comma-separated values, the rows' numbers first; empty where there is no number. */
export function tableCsv({ index: [name, numbers], names, columns }: Table): string {
  const rows = numbers.map((number, row) => [number, ...columns.map((column) => text(column[row]))]);
  return `${[[name, ...names].map(quoted), ...rows].map((row) => row.join()).join("\n")}\n`;
}

/** float64 [rows, columns], NaN where there is no number; without the rows' own numbers. */
export function tableNpy({ index: [, numbers], columns }: Table): Uint8Array<ArrayBuffer> {
  const values = Float64Array.from(
    columns.flatMap((column) => numbers.map((_, row) => column[row] ?? Number.NaN)),
  );
  return npyFile("<f8", [numbers.length, columns.length], values);
}

/** A row a timestep or lag, a column a sample, of a view whose rows are samples; padding has no number. */
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

/** A row a sample, a column a channel, of views of one timestep. */
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

/** A field with a comma or a quotation mark in it, as RFC 4180 has it. */
function quoted(field: string): string {
  return /[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

/** NumPy's file format, version 1.0, of values that lie column by column. */
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

/** The lines of Python that read the points of every sample: `view`, [samples, channels]. */
export function pointsPython({ run, tag, step }: TensorRequest, logdir: string): string {
  return `import tb_rnngrad

record = ${reading({ run, tag }, logdir)}.at(${step})
view = record.sequences[:, 0]  # [samples, channels]
`;
}

/** The lines of Python that read the curves of every sample: `view`, [samples, timesteps or lags, channels]. */
export function curvesPython(
  { run, tag, step, time, reversed }: TensorRequest,
  channels: readonly number[],
  [first, end]: readonly [number, number],
  logdir: string,
  samples: readonly number[] | null = null,
): string {
  return `import numpy as np
import tb_rnngrad

record = ${reading({ run, tag }, logdir)}.at(${step})
data = np.ma.array(record.sequences)
${time || reversed ? arranged(time, reversed) : MASKED}view = data[${samples ? `[${samples.join(", ")}]` : ":"}, ${first}:${end}][..., [${channels.join(", ")}]]  # [samples, ${time ?? "timestep"}s, channels]
`;
}

/** The counts of a histogram at some of its steps: `view`, [steps, groups, bins]. */
export function histogramPython(
  { request, edges, groups, steps }: Histogram,
  at: readonly number[],
  logdir: string,
): string {
  const starts = rangesOf(groups ?? []).map(({ from }) => from);
  const group = isOfMagnitudes(request.axis) ? "abs(group[group != 0])" : "group[group != 0]";
  return `import numpy as np
import tb_rnngrad

edges = [${request.gates ? edges.map((of) => `[${of.join(", ")}]`).join(", ") : edges[0].join(", ")}]
series = ${reading(request, logdir)}


def counts(record):  # padding, exact zeros and what is not finite are in no bin
    data = record.sequences.astype(np.float64)
    cells = data if record.mask is None else data[record.mask]
    groups = np.split(cells, [${starts.slice(1).join(", ")}], axis=-1)
    return [np.histogram(${group}, ${request.gates ? "of" : "edges"})[0] for ${request.gates ? "group, of in zip(groups, edges)" : "group in groups"}]


view = np.array([counts(series.at(step)) for step in [${at.map((index) => steps[index][0]).join(", ")}]])  # [steps, groups, bins]
`;
}

/** Statistics of a flow, and a formula of them: `view`, [steps, timesteps or lags] within a window of both. */
export function flowPython(
  series: { run: string; tag: string },
  of: { columns: readonly string[]; formula: string; axis: string; relative: boolean },
  window: Window | null,
  logdir: string,
): string {
  const columns = of.columns.map((name) => `flow.values[..., flow.statistics.index("${name}")]`);
  const cut = window
    ? `view = view[(flow.steps >= ${window.t0}) & (flow.steps < ${window.t1}), ${window.c0}:${window.c1}]\n`
    : "";
  const relative = of.relative
    ? `largest = np.where(np.isfinite(view), view, 0).max(axis=1, keepdims=True)
view = view / np.where(largest > 0, largest, 1)  # relative to each step's largest
`
    : "";
  return `import numpy as np
import tb_rnngrad

flow = ${reading(series, logdir)}.flow
${of.columns.map((name) => name.replace(/^lag_/, "")).join(", ")} = ${columns.join(", ")}
view = ${of.formula}  # [steps, ${of.axis}s]
${relative}${cut}`;
}

function reading({ run, tag }: { run: string; tag: string }, logdir: string): string {
  return `tb_rnngrad.read(${quote(logdir)}, run=${quote(run)}, tag=${quote(tag)})`;
}

const REDUCE: Record<Reduction, string> = {
  mean: "data.mean(axis=0)",
  mean_abs: "abs(data).mean(axis=0)",
  rms: "np.sqrt((data**2).mean(axis=0))",
  max_abs: "abs(data).max(axis=0)",
  std: "data.std(axis=0)",
};

/** The lines of Python that read exactly this view: `view`, [timesteps or lags, channels]. */
export function python(
  { run, tag, step, show, time, reversed }: TensorRequest,
  window: Window | null,
  order: Order | null,
  logdir: string,
  axes?: AxisNames,
): string {
  const read = `${reading({ run, tag }, logdir)}.at(${step})`;
  const cut = cutOf(window, order);
  if (typeof show === "number" && !time && !reversed) {
    return `import tb_rnngrad

record = ${read}
view = record.sequences[${show}]${cut}  # ${axes?.values ? `[${axes.timesteps}, ${axes.channels}]: ${axes.values}` : "[timesteps, channels]"}
${axes?.numbers ? rowsOf(axes.numbers, window) : ""}`;
  }
  return `import numpy as np
import tb_rnngrad

record = ${read}
data = np.ma.array(record.sequences, dtype=np.float64)
${time || reversed ? arranged(time, reversed) : MASKED}view = ${typeof show === "number" ? `data[${show}]` : REDUCE[show]}${cut}  # [${time ?? "timestep"}s, channels]
`;
}

/** The line that says which timestep each row of the view is of. */
function rowsOf(numbers: readonly number[], window: Window | null): string {
  const seen = window ? numbers.slice(window.t0, window.t1) : numbers;
  return `rows = [${seen.join(", ")}]  # the timestep t of each row\n`;
}

const MASKED = `if record.mask is not None:
    data[~record.mask] = np.ma.masked
`;

/** Each sample's timesteps as /tensor arranges them. */
function arranged(time: TensorRequest["time"], reversed: TensorRequest["reversed"]): string {
  const backward = (reversed ?? []).map(
    ([from, to]) => `    data[i, real, ${from}:${to}] = data[i, real[::-1], ${from}:${to}]  # as processed\n`,
  );
  const lag = "    data[i] = data[i, real.max(initial=0) - np.arange(len(mask))]  # by lag\n";
  return `masks = np.ones(data.shape[:2], bool) if record.mask is None else record.mask
data[~masks] = np.ma.masked
for i, mask in enumerate(masks):
    real = np.flatnonzero(mask)
${backward.join("")}${time === "lag" ? lag : ""}`;
}

/** The index that cuts what is seen out of [timesteps, channels]; empty where that is everything. */
function cutOf(window: Window | null, order: Order | null): string {
  const times = window ? `${window.t0}:${window.t1}` : ":";
  if (order) {
    const seen = window ?? { c0: 0, c1: order.channels.length, t0: 0, t1: 0 };
    return `[${times}, [${channelsAt(seen, order).join(", ")}]]`;
  }
  return window ? `[${times}, ${window.c0}:${window.c1}]` : "";
}

/** A Python string literal: JSON's escapes are all Python's, too. */
function quote(text: string): string {
  return JSON.stringify(text);
}
