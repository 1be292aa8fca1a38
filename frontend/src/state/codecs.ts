/** How the values of options are written as text and read back. */

import type { SeriesName } from "../data/series";
import { isOfEachSample, REDUCTIONS, type Reduction, type ShowChoice } from "../data/types";
import type { Window } from "../data/window";
import { ORDERS } from "../maths/heatmap/order";
import type { CardSize, ChannelOrder } from "./options";

export interface Codec<Value> {
  /** Returns undefined if the text is not valid; the default then applies. */
  read(text: string): Value | undefined;
  write(value: Value): string;
}

function codec<Value>(read: Codec<Value>["read"], write: Codec<Value>["write"] = String): Codec<Value> {
  return { read, write };
}

/** An option that the page chooses while the user did not: null, written as no text. */
export function orNull<Value>(of: Codec<Value>): Codec<Value | null> {
  return codec<Value | null>(
    (text) => (text === "" ? null : of.read(text)),
    (value) => (value === null ? "" : of.write(value)),
  );
}

export const text = codec<string>((text) => text);

export function textLike<Text extends string>(pattern: RegExp): Codec<Text> {
  return codec((text) => (pattern.test(text) ? (text as Text) : undefined));
}

export function oneOf<Value extends string | number | boolean>(allowed: readonly Value[]): Codec<Value> {
  return codec((text) => allowed.find((value) => String(value) === text));
}

export const flag = oneOf([true, false]);

function numeric(text: string): number | undefined {
  const number = Number(text);
  return text.trim() !== "" && Number.isFinite(number) ? number : undefined;
}

/** A finite number for which `fits` holds. */
export function number(fits: (value: number) => boolean = () => true): Codec<number> {
  return codec((text) => {
    const value = numeric(text);
    return value !== undefined && fits(value) ? value : undefined;
  });
}

/** A number from `low` to `high`. */
export function within(low: number, high: number): Codec<number> {
  return number((value) => value >= low && value <= high);
}

export const positive = number((value) => value > 0);
export const integer = number(Number.isInteger);
/** A place: a number of a channel, a sample or a plot. */
export const place = number((value) => Number.isInteger(value) && value >= 0);
/** A number of things: timesteps or columns. */
export const count = number((value) => Number.isInteger(value) && value > 0 && value <= 1e9);

/** A share from 0 to 1 with four decimals. Shares outside become the nearest of those. */
export const clippedShare = codec<number>(
  (text) => {
    const value = numeric(text);
    return value === undefined ? undefined : Math.min(1, Math.max(0, value));
  },
  (value) => String(Number(value.toFixed(4))),
);

/** A list of items that `fits` accepts. It is JSON because names may hold any character. */
function listOf<Item>(fits: (item: unknown) => item is Item): Codec<Item[]> {
  return codec((text) => parsed(text, fits), JSON.stringify);
}

function parsed<Item>(text: string, fits: (item: unknown) => item is Item): Item[] | undefined {
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every(fits) ? list : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export const names = listOf((item) => typeof item === "string");
export const places = listOf((item): item is number => Number.isInteger(item) && (item as number) >= 0);
export const seriesNames = listOf(isSeriesName);
export const seriesName = codec<SeriesName>((text) => {
  const list = names.read(text);
  return isSeriesName(list) ? list : undefined;
}, JSON.stringify);

function isSeriesName(item: unknown): item is SeriesName {
  return Array.isArray(item) && item.length === 2 && item.every((name) => typeof name === "string");
}

export const cardSizes = codec<Record<string, CardSize>>(
  (text) => {
    const entries = parsed(text, isCardSize);
    return entries && Object.fromEntries(entries);
  },
  (sizes) => JSON.stringify(Object.entries(sizes)),
);

function isCardSize(item: unknown): item is [string, CardSize] {
  if (!Array.isArray(item) || typeof item[0] !== "string" || !Array.isArray(item[1])) return false;
  const [height, wide] = item[1];
  return Number.isInteger(height) && height > 0 && typeof wide === "boolean";
}

const reduction = oneOf([...(Object.keys(REDUCTIONS) as Reduction[]), "samples", "channel"] as const);

export const show = codec<ShowChoice>((text) => place.read(text) ?? reduction.read(text));

/** An order, its step and the samples shown: `norm@1200@rms`. */
export const channelOrder = codec<ChannelOrder>(
  (text) => {
    const [by, at, shown] = text.split("@", 3);
    const order = oneOf(ORDERS).read(by);
    const [step, of] = [integer.read(at ?? ""), show.read(shown ?? "")];
    const whole = order && step !== undefined && of !== undefined && !isOfEachSample(of);
    return whole ? { by: order, step, show: of } : undefined;
  },
  ({ by, step, show }) => [by, step, show].join("@"),
);

/** Half-open ranges of channels, then of timesteps. */
export const window = codec<Window>(
  (text) => {
    const [c0, c1, t0, t1] = text.split(",").map(Number);
    const whole = [c0, c1, t0, t1].every((edge) => Number.isInteger(edge) && edge >= 0);
    return whole && c0 < c1 && t0 < t1 ? { c0, c1, t0, t1 } : undefined;
  },
  ({ c0, c1, t0, t1 }) => [c0, c1, t0, t1].join(),
);
