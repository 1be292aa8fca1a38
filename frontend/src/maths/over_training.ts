/** Axes over training, and smoothing along them: the same rules for every chart. */

import { integerTicks, niceStep, short } from "../colour/ticks";
import type { KeptStep } from "../data/types";

export const X_AXES = ["step", "relative", "wall"] as const;
export type XAxis = (typeof X_AXES)[number];

/** The names of the axes. */
export const X_AXIS_NAMES: Record<XAxis, string> = {
  step: "step",
  relative: "relative time",
  wall: "wall time",
};

/** The strongest smoothing. */
export const MOST_SMOOTHING = 0.99;

/** The position of a logged step on an axis: its number, seconds since its run's `start`, or seconds since 1970. */
export function placeOn(axis: XAxis, [step, wallTime]: KeptStep, start: number): number {
  return { step, relative: wallTime - start, wall: wallTime }[axis];
}

/** When each run began: the earliest wall time of anything drawn of it, in seconds. */
export function startsOf(drawn: readonly { run: string; kept: readonly KeptStep[] }[]): Map<string, number> {
  const starts = new Map<string, number>();
  for (const { run, kept } of drawn)
    for (const [, at] of kept) starts.set(run, Math.min(at, starts.get(run) ?? at));
  return starts;
}

/**
 * TensorBoard's smoothing: an exponential moving average in which the values before have the share `weight`,
 * from 0 to below 1.
 *
 * Division by 1 - weight^n keeps the first values from being drawn to 0. Values that are not finite stay and
 * do not count.
 */
export function smoothed(values: readonly (number | null)[], weight: number): (number | null)[] {
  const known = values.filter((value): value is number => value !== null && Number.isFinite(value));
  if (weight === 0 || known.every((value) => value === known[0])) return [...values];
  let [sum, share] = [0, 1];
  return values.map((value) => {
    if (value === null || !Number.isFinite(value)) return value;
    sum = sum * weight + value * (1 - weight);
    share *= weight;
    return sum / (1 - share);
  });
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Distances between numbers on an axis of time, in seconds. */
const DISTANCES = [
  ...[0.001, 0.01, 0.1].flatMap((unit) => [unit, 2 * unit, 5 * unit]),
  ...[1, 2, 5, 10, 15, 30].flatMap((count) => [count, count * MINUTE]),
  ...[1, 2, 3, 6, 12].map((count) => count * HOUR),
  DAY,
].sort((a, b) => a - b);

/** A number on an axis, and its label. */
export interface Tick {
  at: number;
  label: string;
}

/**
 * Numbers from `from` to `to`, at most about `most`. Wall times fall on whole minutes, hours and days of the
 * reader's clock.
 */
export function axisTicks(axis: XAxis, from: number, to: number, most: number): Tick[] {
  if (axis === "step") return integerTicks(from, to + 1, most).map((at) => ({ at, label: String(at) }));
  const raw = (to - from) / Math.max(1, most);
  const distance = DISTANCES.find((distance) => distance >= raw) ?? DAY * Math.max(1, niceStep(raw / DAY, 1));
  const shift = axis === "wall" ? -new Date(1000 * from).getTimezoneOffset() * MINUTE : 0;
  const first = Math.ceil((from + shift) / distance);
  const count = Math.floor((to + shift) / distance) - first + 1;
  const ticks = Array.from({ length: count }, (_, i) => (first + i) * distance - shift);
  if (axis === "relative") return ticks.map((at) => ({ at, label: duration(at) }));
  return ticks.map((at, i) => {
    const isAnotherDay = i === 0 || date(at) !== date(ticks[i - 1]);
    const parts = [...(isAnotherDay ? [date(at)] : []), ...(distance < DAY ? [clock(at, distance)] : [])];
    return { at, label: parts.join(" ") };
  });
}

/** A place on an axis in words. */
export function placeWords(axis: XAxis, at: number): string {
  if (axis === "step") return `step ${at}`;
  if (axis === "relative") return duration(at);
  return `${date(at)} ${new Date(1000 * at).getFullYear()} ${clock(at, 1)}`;
}

/** A number of seconds in its two largest units of days, hours, minutes and seconds. */
export function duration(seconds: number): string {
  const units: [number, string][] = [
    [DAY, "d"],
    [HOUR, "h"],
    [MINUTE, "min"],
  ];
  const place = units.findIndex(([size]) => Math.abs(seconds) >= size);
  if (place < 0) return seconds === 0 ? "0" : `${short(seconds)} s`;
  const [size, name] = units[place];
  const [smaller, smallerName] = units[place + 1] ?? [1, "s"];
  const rest = Math.round((Math.abs(seconds) % size) / smaller);
  const whole = Math.trunc(seconds / size);
  if (rest === Math.round(size / smaller)) return duration(Math.sign(seconds) * size * (Math.abs(whole) + 1));
  return `${whole} ${name}${rest ? ` ${rest} ${smallerName}` : ""}`;
}

function date(at: number): string {
  return new Date(1000 * at).toLocaleDateString("en-GB", { day: "numeric", month: "short" });
}

/** The time of day, as precise as numbers at this distance need. */
function clock(at: number, distance: number): string {
  const time = new Date(1000 * at).toLocaleTimeString("en-GB");
  return distance < MINUTE ? time : time.slice(0, 5);
}
