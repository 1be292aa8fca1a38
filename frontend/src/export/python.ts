/** Python that computes what a picture shows, from its log. */

import { isOfMagnitudes } from "../colour/scale";
import { rangesOf } from "../data/channel_groups";
import type { Histogram, Reduction, TensorRequest } from "../data/types";
import type { Window } from "../data/window";
import type { AxisNames } from "../maths/heatmap/axes";
import type { Order } from "../maths/heatmap/order";
import { channelsAt } from "./numbers";

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

/** The lines of Python that count a histogram at some of its steps: `view`, [steps, groups, bins]. */
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

/**
 * The lines of Python that read statistics of a flow and apply a formula: `view`, [steps, timesteps or lags]
 * within a window of both.
 */
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

/** The line that gives the timestep of each row of the view. */
function rowsOf(numbers: readonly number[], window: Window | null): string {
  const seen = window ? numbers.slice(window.t0, window.t1) : numbers;
  return `rows = [${seen.join(", ")}]  # the timestep t of each row\n`;
}

const MASKED = `if record.mask is not None:
    data[~record.mask] = np.ma.masked
`;

/** The code that arranges each sample's timesteps as /tensor does. */
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

/** The index that cuts the visible part out of [timesteps, channels]; empty if that is everything. */
function cutOf(window: Window | null, order: Order | null): string {
  const times = window ? `${window.t0}:${window.t1}` : ":";
  if (order) {
    const seen = window ?? { c0: 0, c1: order.channels.length, t0: 0, t1: 0 };
    return `[${times}, [${channelsAt(seen, order).join(", ")}]]`;
  }
  return window ? `[${times}, ${window.c0}:${window.c1}]` : "";
}

/** A Python string literal. All of JSON's escapes are Python's too. */
function quote(text: string): string {
  return JSON.stringify(text);
}
