/** Axes over training, and smoothing along them: one set of rules for every chart. */

import { integerTicks, niceStep, short } from "../colour/ticks";
import type { KeptStep } from "../data/types";

export const X_AXES = ["step", "relative", "wall"] as const;
export type XAxis = (typeof X_AXES)[number];

/** What stands on an axis, in words. */
export const X_AXIS_NAMES: Record<XAxis, string> = {
  step: "step",
  relative: "relative time",
  wall: "wall time",
};

/** Smoothing goes so far. */
export const MOST_SMOOTHING = 0.99;

/** Where a logged step stands on an axis: its number, or seconds since its run's `start`, or since 1970. */
export function placeOn(axis: XAxis, [step, wallTime]: KeptStep, start: number): number {
  return { step, relative: wallTime - start, wall: wallTime }[axis];
}

/** When each run began: the least wall time of anything that is drawn of it, in seconds. */
export function startsOf(drawn: readonly { run: string; kept: readonly KeptStep[] }[]): Map<string, number> {
  const starts = new Map<string, number>();
  for (const { run, kept } of drawn)
    for (const [, at] of kept) starts.set(run, Math.min(at, starts.get(run) ?? at));
  return starts;
}

/**
 * TensorBoard's smoothing: an exponential moving average, in which `weight` (0 to below 1) is the share of what came
 * before, divided by 1 - weight^n, so that it is not drawn to 0 at first. What is no finite number stays, and counts for nothing.
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
/** Distances of numbers on an axis of time, in seconds. */
const DISTANCES = [
  ...[0.001, 0.01, 0.1].flatMap((unit) => [unit, 2 * unit, 5 * unit]),
  ...[1, 2, 5, 10, 15, 30].flatMap((count) => [count, count * MINUTE]),
  ...[1, 2, 3, 6, 12].map((count) => count * HOUR),
  DAY,
].sort((a, b) => a - b);

/** A number on an axis, and what is written there. */
export interface Tick {
  at: number;
  label: string;
}

/** At most about `most` numbers from `from` to `to`; of wall times at whole minutes, hours and days of the reader's clock. */
export function axisTicks(axis: XAxis, from: number, to: number, most: number): Tick[] {
  if (axis === "step") return integerTicks(from, to + 1, most).map((at) => ({ at, label: String(at) }));
  const raw = (to - from) / Math.max(1, most);
  const distance = DISTANCES.find((one) => one >= raw) ?? DAY * Math.max(1, niceStep(raw / DAY, 1));
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

/** Seconds in the two largest of days, hours, minutes and seconds. */
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

/** The time of day, as exact as numbers so far apart need it. */
function clock(at: number, distance: number): string {
  const time = new Date(1000 * at).toLocaleTimeString("en-GB");
  return distance < MINUTE ? time : time.slice(0, 5);
}
