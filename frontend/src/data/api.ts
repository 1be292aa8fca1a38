/** The routes, with types. URLs are relative to the page, so that TensorBoard's --path_prefix applies. */

import { toCodes } from "../colour/bfloat16";
import { isOfMagnitudes } from "../colour/scale";
import { withParts } from "./parts";
import { OF_BATCH } from "./statistics";
import type {
  Apart,
  Counts,
  Flow,
  Histogram,
  HistogramRequest,
  KeptStep,
  Tags,
  Tensor,
  TensorRequest,
} from "./types";
import { intersect } from "./window";

/** A request without an answer, or with an unexpected one. The message is for the user. */
export class RequestError extends Error {}

async function get(path: string, query: Record<string, string>, signal?: AbortSignal): Promise<Response> {
  const parameters = new URLSearchParams(query).toString();
  let response: Response;
  try {
    response = await fetch(parameters ? `${path}?${parameters}` : path, { signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new RequestError("TensorBoard does not answer. Is it still running?");
  }
  if (!response.ok) {
    const sentence = (await response.text()).trim();
    throw new RequestError(sentence || `TensorBoard answered ${response.status} ${response.statusText}.`);
  }
  return response;
}

let lastListed: { etag: string | null; tags: Tags } | null = null;

/** Every run with our data, its tags and their kept steps. It returns the same object while nothing changed. */
export async function fetchTags(): Promise<Tags> {
  const response = await get("./tags", {});
  const etag = response.headers.get("ETag");
  if (etag === null || lastListed?.etag !== etag)
    lastListed = { etag, tags: withParts(await response.json()) };
  return lastListed.tags;
}

/** Every run that TensorBoard knows, in the order that gives runs their colours. */
export async function fetchRuns(): Promise<string[]> {
  return (await get("../../runs", {})).json();
}

/** The URL query of a request. The answer to a query never changes. */
export function tensorQuery(request: TensorRequest): Record<string, string> {
  const { run, tag, step, wallTime, show, window, pooled, time, reversed } = request;
  const query: Record<string, string> = {
    run,
    tag,
    step: String(step),
    wall_time: String(wallTime),
    padding: "mark",
    [typeof show === "number" ? "sample" : "reduce"]: String(show),
  };
  if (time) query.time = time;
  if (reversed) query.reversed = reversed.map((range) => range.join(":")).join();
  for (const [name, value] of Object.entries(window ?? {})) query[name] = String(value);
  if (pooled) Object.assign(query, { height: String(pooled.rows), width: String(pooled.columns) });
  return query;
}

export async function fetchTensor(request: TensorRequest, signal?: AbortSignal): Promise<Tensor> {
  const response = await get("./tensor", tensorQuery(request), signal);
  const listed = (name: string) => (response.headers.get(`X-RnnGrad-${name}`) ?? "").split(",").map(Number);
  const body = await response.arrayBuffer();
  const [rows, columns] = listed("Shape");
  const [channels, timesteps] = listed("Full-Shape");
  const [kept, batch] = listed("Samples");
  const [least, greatest] = listed("Range");
  const [real, padding, zero, nan, posinf, neginf] = listed("Counts");
  const [flushed, overflowed] = listed("Narrowed");
  if (body.byteLength !== 4 * rows * columns) {
    throw new RequestError(`The answer holds ${body.byteLength} bytes, not ${rows} x ${columns} numbers.`);
  }
  const whole = { c0: 0, c1: channels, t0: 0, t1: timesteps };
  const window = request.window ? intersect(request.window, whole) : whole;
  return {
    request,
    values: { values: new Float32Array(body), rows, columns, window },
    codes: { values: toCodes(new Uint32Array(body)), rows, columns, window },
    channels,
    timesteps,
    kept,
    batch,
    range: [least, greatest],
    quantiles: listed("Quantiles"),
    counts: { real, padding, zero, nan, posinf, neginf } satisfies Counts,
    narrowed: { flushed, overflowed },
  };
}

/** The named statistics of every kept step. */
export async function fetchFlow(
  run: string,
  tag: string,
  statistics: readonly string[],
  signal: AbortSignal,
): Promise<Flow> {
  const ofRows = statistics.filter((name) => !OF_BATCH.includes(name));
  const ofBatch = statistics.filter((name) => OF_BATCH.includes(name));
  const [rows, batch] = await Promise.all([
    fetchTable(run, tag, ofRows, {}, signal),
    ofBatch.length ? fetchTable(run, tag, ofBatch, { t1: "1" }, signal) : null,
  ]);
  return batch ? joined(rows, batch) : { ...rows, batch: {} };
}

/**
 * Both tables at the steps they have in common: training may have added steps in between, and larger tables
 * are sampled.
 */
export function joined(rows: FlowTable, batch: FlowTable): Flow {
  const places = new Map(batch.steps.map(([step], place) => [step, place]));
  const both = rows.steps.flatMap(([step], i): [number, number][] => {
    const place = places.get(step);
    return place === undefined ? [] : [[i, place]];
  });
  return {
    steps: both.map(([i]) => rows.steps[i]),
    timesteps: rows.timesteps,
    columns: picked(
      rows.columns,
      both.map(([i]) => i),
      rows.timesteps,
    ),
    batch: picked(
      batch.columns,
      both.map(([, place]) => place),
      1,
    ),
    damaged: [...new Set([...rows.damaged, ...batch.damaged])].sort((a, b) => a - b),
    sampled: rows.sampled || batch.sampled,
  };
}

/** The steps at `places` of [steps, width] columns. */
function picked(
  columns: FlowTable["columns"],
  places: readonly number[],
  width: number,
): FlowTable["columns"] {
  return Object.fromEntries(
    Object.entries(columns).map(([name, of]) => {
      const found = new Float32Array(places.length * width);
      places.forEach((place, i) => {
        found.set(of.subarray(place * width, (place + 1) * width), i * width);
      });
      return [name, found];
    }),
  );
}

async function fetchTable(
  run: string,
  tag: string,
  statistics: readonly string[],
  rows: Record<string, string>,
  signal: AbortSignal,
): Promise<FlowTable> {
  const query = { run, tag, statistics: statistics.join(), append: "steps", ...rows };
  const response = await get("./flow", query, signal);
  const listed = (name: string) =>
    (response.headers.get(`X-RnnGrad-${name}`) ?? "").split(",").filter(Boolean).map(Number);
  return {
    ...tableFrom(await response.arrayBuffer(), listed("Shape"), statistics),
    damaged: listed("Damaged"),
    sampled: response.headers.get("X-RnnGrad-Sampled") === "true",
  };
}

/** Some columns of a flow, [steps, timesteps] each. */
export type FlowTable = Omit<Flow, "columns" | "batch"> & { columns: Record<string, Float32Array> };

/** A table from `/flow?append=steps`: float32 [steps, timesteps, statistics], then float64 [steps, 2]. */
export function tableFrom(
  body: ArrayBuffer,
  shape: readonly number[],
  statistics: readonly string[],
): Pick<FlowTable, "columns" | "steps" | "timesteps"> {
  const [count, timesteps, kinds] = shape;
  const cells = count * timesteps;
  if (kinds !== statistics.length || body.byteLength !== 4 * cells * kinds + 16 * count) {
    throw new RequestError(
      `The answer holds ${body.byteLength} bytes, not ${shape.join(" x ")} numbers and their steps.`,
    );
  }
  const values = new Float32Array(body, 0, cells * kinds);
  const columns = statistics.map((name, kind) => {
    const column = new Float32Array(cells);
    for (let i = 0; i < cells; i++) column[i] = values[i * kinds + kind];
    return [name, column];
  });
  const times = new Float64Array(body.slice(4 * cells * kinds)); // a copy, because float64 must be aligned
  const steps = Array.from({ length: count }, (_, i): KeptStep => [times[2 * i], times[2 * i + 1]]);
  return { columns: Object.fromEntries(columns), steps, timesteps };
}

/** Every logged step of a tag, each with its record's flow. `complete` tells that none is missing. */
export interface LoggedSteps {
  steps: number[];
  complete: boolean;
}

export async function fetchLoggedSteps(run: string, tag: string, signal: AbortSignal): Promise<LoggedSteps> {
  const { steps, complete } = await (await get("./flow", { run, tag, format: "json" }, signal)).json();
  return { steps: (steps as KeptStep[]).map(([step]) => step), complete };
}

/** TensorBoard's own scalars by run, and the hyperparameters of runs that logged them. */
export interface ScalarListing {
  tags: Record<string, string[]>;
  hyperparameters: Record<string, Record<string, string | number | boolean>>;
}

export async function fetchScalarListing(signal: AbortSignal): Promise<ScalarListing> {
  return (await get("./scalars", {}, signal)).json();
}

/** The points of every run that has a tag of scalars. A value that is not finite is null. */
export type ScalarsByRun = Record<string, [step: number, wallTime: number, value: number | null][]>;

export async function fetchScalars(tag: string, signal: AbortSignal): Promise<ScalarsByRun> {
  return (await get("./scalars", { tag }, signal)).json();
}

/** The directory that TensorBoard reads. */
export async function fetchLogdir(): Promise<string> {
  return (await (await get("../../environment", {})).json()).data_location;
}

/** Fetch a histogram. `edges` has one list for all channel groups, or one for each. */
export async function fetchHistogram(
  request: HistogramRequest,
  edges: number[][],
  signal: AbortSignal,
): Promise<Histogram> {
  const { run, tag, step, axis } = request;
  const of = isOfMagnitudes(axis) ? "magnitudes" : "values";
  const query: Record<string, string> = { run, tag, of, edges: edges.join(";") };
  if (step) Object.assign(query, { step: String(step[0]), wall_time: String(step[1]) });
  const found = await (await get("./histogram", query, signal)).json();
  const names: (keyof Apart)[] = found.apart_names;
  const named = (numbers: number[]) =>
    Object.fromEntries(names.map((name, i) => [name, numbers[i]])) as unknown as Apart;
  return {
    request,
    edges: ((found.groups ?? [null]) as unknown[]).map((_, group) => edges[group] ?? edges[0]),
    groups: found.groups,
    steps: found.steps,
    keptSteps: found.kept_steps,
    counts: found.counts,
    apart: found.apart.map((groups: number[][]) => groups.map(named)),
  };
}
