/**
 * The state in the hash of TensorBoard's URL, `#rnngrad&p.rnngrad.step=7&...`.
 *
 * Keys that start with `p.rnngrad.` are ours. The others stay as they are.
 */

import { SCALE_NAMES } from "../colour/scale";
import { MAP_NAMES } from "../colour/table";
import { isOfEachSample, REDUCTIONS, type Reduction, type ShowChoice } from "../data/types";
import type { Window } from "../data/window";
import { FLOW_AXES } from "../maths/flow/flow";
import { SORTINGS } from "../maths/flow/overview";
import { FLOW_STATISTIC_NAMES } from "../maths/flow/statistics";
import { UPRIGHT } from "../maths/heatmap/axes";
import { WAYS } from "../maths/heatmap/compare";
import { ORDERS } from "../maths/heatmap/order";
import { MOST_SMOOTHING, X_AXES } from "../maths/over_training";
import type { Grouping } from "../maths/run_groups";
import {
  BACKWARDS,
  BIN_AXES,
  BIN_COUNTS,
  type CardSize,
  type ChannelOrder,
  FLOW_SHOWS,
  INITIAL,
  OVER_STEPS,
  PEAKS,
  PERCENTILES,
  PLOTS,
  RANGES,
  type SeriesName,
  type State,
  TIMES,
  VIEWS,
  WEIGHTS_AS,
} from "./state";

const PREFIX = "p.rnngrad.";

interface Codec<Value> {
  write(value: Value): string;
  /** Returns undefined if the text is not valid; the default then applies. */
  read(text: string): Value | undefined;
}

const text: Codec<string> = { write: (value) => value, read: (value) => value };

function numeric(value: string): number | undefined {
  const number = Number(value);
  return value.trim() !== "" && Number.isFinite(number) ? number : undefined;
}

const positive: Codec<number | null> = {
  write: String,
  read: (value) => ((numeric(value) ?? 0) > 0 ? numeric(value) : undefined),
};

const finite: Codec<number | null> = { write: String, read: numeric };

const integer: Codec<number | null> = {
  write: String,
  read: (value) => (Number.isInteger(numeric(value)) ? numeric(value) : undefined),
};

/** Names may hold any character, so a list of them is JSON. */
const names: Codec<string[] | null> = {
  write: (value) => JSON.stringify(value),
  read: (value) => parsed(value, (item): item is string => typeof item === "string"),
};

const seriesName: Codec<SeriesName | null> = {
  write: (value) => JSON.stringify(value),
  read: (value) => {
    const list = names.read(value);
    return isSeriesName(list) ? list : undefined;
  },
};

const seriesNames: Codec<SeriesName[]> = {
  write: (value) => JSON.stringify(value),
  read: (value) => parsed(value, isSeriesName),
};

function isSeriesName(item: unknown): item is SeriesName {
  return Array.isArray(item) && item.length === 2 && item.every((name) => typeof name === "string");
}

const cardSizes: Codec<State["sizes"]> = {
  write: (value) => JSON.stringify(Object.entries(value)),
  read: (value) => {
    const entries = parsed(value, (item): item is [string, CardSize] => {
      if (!Array.isArray(item) || typeof item[0] !== "string" || !Array.isArray(item[1])) return false;
      const [height, wide] = item[1];
      return Number.isInteger(height) && height > 0 && typeof wide === "boolean";
    });
    return entries && Object.fromEntries(entries);
  },
};

const integers: Codec<number[] | null> = {
  write: (value) => JSON.stringify(value),
  read: (value) => parsed(value, (item): item is number => Number.isInteger(item) && (item as number) >= 0),
};

function parsed<Item>(value: string, fits: (item: unknown) => item is Item): Item[] | undefined {
  try {
    const list: unknown = JSON.parse(value);
    return Array.isArray(list) && list.every(fits) ? list : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const SHOWS = [...(Object.keys(REDUCTIONS) as Reduction[]), "samples", "channel"] as const;

function oneOf<Name extends string>(allowed: readonly Name[]): Codec<Name> {
  return { write: String, read: (value) => allowed.find((name) => name === value) };
}

function orNull<Value>(codec: Codec<Value>): Codec<Value | null> {
  return { write: (value) => (value === null ? "" : codec.write(value)), read: codec.read };
}

/** A share from 0 to 1. */
const share: Codec<number> = {
  write: String,
  read: (value) => within(numeric(value), -Number.MIN_VALUE, 1),
};

/** The number if `low < number <= high`. */
function within(value: number | undefined, low: number, high: number): number | undefined {
  return value !== undefined && value > low && value <= high ? value : undefined;
}

function clipped(share: number | undefined): number | undefined {
  return share === undefined ? undefined : Math.min(1, Math.max(0, share));
}

const flag: Codec<boolean> = {
  write: String,
  read: (value) => ({ true: true, false: false })[value],
};

function among<Value extends number>(allowed: readonly Value[]): Codec<Value> {
  return { write: String, read: (value) => allowed.find((one) => one === numeric(value)) };
}

const SHOW: Codec<ShowChoice> = {
  write: String,
  read: (value) => {
    const sample = numeric(value);
    if (sample !== undefined) return Number.isInteger(sample) && sample >= 0 ? sample : undefined;
    return SHOWS.find((name) => name === value);
  },
};

/** An order, its step and the samples shown: `norm@1200@rms`. */
const channelOrder: Codec<ChannelOrder | null> = {
  write: (value) => (value ? [value.by, value.step, value.show].join("@") : ""),
  read: (value) => {
    const [name, at, shown] = value.split("@");
    const by = ORDERS.find((order) => order === name);
    const [step, show] = [integer.read(at ?? ""), SHOW.read(shown ?? "")];
    const whole = by && typeof step === "number" && show !== undefined && !isOfEachSample(show);
    return whole ? { by, step, show } : undefined;
  },
};

/** Half-open ranges of channels, then of timesteps. */
const window: Codec<Window | null> = {
  write: (value) => (value ? [value.c0, value.c1, value.t0, value.t1].join() : ""),
  read: (value) => {
    const [c0, c1, t0, t1] = value.split(",").map(Number);
    const whole = [c0, c1, t0, t1].every((edge) => Number.isInteger(edge) && edge >= 0);
    return whole && c0 < c1 && t0 < t1 ? { c0, c1, t0, t1 } : undefined;
  },
};

/** A number of timesteps, or null. */
const timesteps: Codec<number | null> = {
  write: (value) => (value === null ? "" : String(value)),
  read: (value) => (Number.isInteger(numeric(value)) ? within(numeric(value), 0, 1e9) : undefined),
};

const CODECS: { [Key in keyof State]: Codec<State[Key]> } = {
  view: oneOf(VIEWS),
  runs: names,
  tags: names,
  alone: orNull(seriesNames),
  runFilter: text,
  tagFilter: text,
  step: integer,
  show: SHOW,
  scale: orNull(oneOf(SCALE_NAMES)),
  map: orNull(oneOf(MAP_NAMES)),
  low: finite,
  limit: positive,
  threshold: positive,
  range: oneOf(RANGES),
  percentile: among(PERCENTILES),
  eps: { write: String, read: (value) => within(numeric(value), 0, 1) },
  vanishing: share,
  exploding: { write: String, read: (value) => within(numeric(value), 1 - Number.EPSILON, Number.MAX_VALUE) },
  nonfinite: share,
  dead: share,
  sort: oneOf(SORTINGS),
  groupBy: {
    write: String,
    read: (value) => (/^(regex|hparams|hparam:.+)?$/.test(value) ? (value as Grouping) : undefined),
  },
  groupPattern: text,
  scalars: names,
  smoothing: { write: String, read: (value) => within(numeric(value), -Number.MIN_VALUE, MOST_SMOOTHING) },
  xAxis: oneOf(X_AXES),
  flowAxis: oneOf(FLOW_AXES),
  flowOf: oneOf(FLOW_STATISTIC_NAMES),
  flowRelative: flag,
  flowShow: oneOf(FLOW_SHOWS),
  bptt: timesteps,
  speed: { write: String, read: (value) => within(numeric(value), 0, 60) },
  loop: flag,
  more: flag,
  a: seriesName,
  b: seriesName,
  stepB: integer,
  comparison: oneOf(WAYS),
  swipe: { write: (value) => String(Number(value.toFixed(4))), read: (value) => clipped(numeric(value)) },
  weightsAs: oneOf(WEIGHTS_AS),
  overSteps: oneOf(OVER_STEPS),
  bins: among(BIN_COUNTS),
  peaks: among(PEAKS),
  binAxes: oneOf(BIN_AXES),
  columns: timesteps,
  channel: { write: String, read: (value) => integers.read(`[${value}]`)?.[0] },
  curveSample: { write: String, read: (value) => integers.read(`[${value}]`)?.[0] },
  plots: among(PLOTS),
  firstPlot: { write: String, read: (value) => integers.read(`[${value}]`)?.[0] },
  firstTimesteps: timesteps,
  pinned: seriesNames,
  sizes: cardSizes,
  pins: integers,
  axes: oneOf(UPRIGHT),
  time: oneOf(TIMES),
  order: channelOrder,
  backward: oneOf(BACKWARDS),
  window,
  flowWindow: window,
};

const KEYS = Object.keys(CODECS) as (keyof State)[];

/** Whether a hash holds any key of ours. */
export function ownKeys(hash: string): boolean {
  return hash.includes(`&${PREFIX}`);
}

/** The state that a hash describes, on top of `base`. */
export function readHash(hash: string, base: State = INITIAL): State {
  const state = { ...base };
  for (const part of hash.replace(/^#/, "").split("&")) {
    const [name, value = ""] = part.split("=", 2);
    const key = KEYS.find((key) => PREFIX + key === name);
    if (key) assign(state, key, unescaped(value));
  }
  return state;
}

function assign<Key extends keyof State>(state: State, key: Key, value: string): void {
  const read = CODECS[key].read(value);
  if (read !== undefined) state[key] = read;
}

function unescaped(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch (error) {
    if (error instanceof URIError) return value;
    throw error;
  }
}

/** The hash with `state` in it. Values equal to those of `base` are left out. */
export function writeHash(hash: string, state: State, base: State = INITIAL): string {
  const others = hash
    .replace(/^#/, "")
    .split("&")
    .filter((part) => part && !part.startsWith(PREFIX));
  if (others.length === 0) others.push("rnngrad");
  const ours = KEYS.filter((key) => !same(state[key], base[key])).map((key) => pair(key, state));
  return `#${[...others, ...ours].join("&")}`;
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function pair<Key extends keyof State>(key: Key, state: State): string {
  return `${PREFIX}${key}=${encodeURIComponent(CODECS[key].write(state[key]))}`;
}
