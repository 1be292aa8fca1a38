/** The overview's table: what each series' course comes to at one step. */

import type { Series } from "../choices";
import type { Course } from "./course";
import { FLAGS, type Flag, worst } from "./flags";
import { indexOf } from "./flow_map";

/** One series at one step; NaN where something is not known. */
export interface Line {
  series: Series;
  colour: string;
  /** The logged step that it is of. */
  step: number;
  /** The memory horizon, of how many lags, and its course so far. */
  horizon: number;
  longest: number;
  course: Float64Array;
  halfLife: number;
  r2: number;
  /** The step from which on the horizon was never below half of what it is. */
  since: number;
  /** The flags now, and the worst of the whole training with the step at which it first came. */
  flags: Flag[];
  worst: { flag: Flag; step: number } | null;
  /** The share of channels that are exactly 0 throughout. */
  dead: number;
}

export function lineOf(series: Series, colour: string, course: Course, step: number): Line {
  const { flow, flags, horizon } = course;
  const index = indexOf(flow, step);
  const worstOf = worst(flags);
  const sinceIndex = reachedSince(horizon, index);
  return {
    series,
    colour,
    step: flow.steps[index][0],
    horizon: horizon[index],
    longest: course.longest[index],
    course: horizon.subarray(0, index + 1),
    halfLife: course.halfLife[index],
    r2: course.r2[index],
    since: sinceIndex === null ? Number.NaN : flow.steps[sinceIndex][0],
    flags: flags[index],
    worst: worstOf && { flag: worstOf.flag, step: flow.steps[worstOf.index][0] },
    dead: course.evidence.dead[index],
  };
}

/** The index from which on to `index` the horizon was never below half of what it is there. */
export function reachedSince(horizon: Float64Array, index: number): number | null {
  if (Number.isNaN(horizon[index])) return null;
  let since = index;
  while (since > 0 && horizon[since - 1] >= horizon[index] / 2) since--;
  return since;
}

/** The horizon now against the first that is known: where from, and which way it went. */
export function trend(course: Float64Array): { from: number; change: number } {
  const from = course.find((horizon) => !Number.isNaN(horizon)) ?? Number.NaN;
  return { from, change: (course.at(-1) ?? Number.NaN) - from };
}

/** Points of a line through values in a box, at most `most` of them; gaps are left out. */
export function sparkline(values: Float64Array, width: number, height: number, most = 60): string {
  const finite = values.filter((value) => Number.isFinite(value));
  const top = finite.reduce((a, b) => Math.max(a, b), 0) || 1;
  const stride = Math.max(1, Math.ceil((values.length - 1) / most));
  const picked: string[] = [];
  for (let i = (values.length - 1) % stride; i < values.length; i += stride) {
    if (!Number.isFinite(values[i])) continue;
    const across = values.length > 1 ? (i / (values.length - 1)) * width : width;
    picked.push(`${across.toFixed(1)},${(height - (values[i] / top) * height).toFixed(1)}`);
  }
  return picked.join(" ");
}

/** What each column is sorted by; numbers that are not known come last either way. */
const KEYS = {
  run: ({ series }: Line) => series.run,
  tag: ({ series }: Line) => series.tag,
  horizon: ({ horizon }: Line) => horizon,
  trend: ({ course }: Line) => trend(course).change,
  halfLife: ({ halfLife }: Line) => (halfLife <= 0 ? Number.POSITIVE_INFINITY : halfLife), // it does not fade
  flag: ({ worst }: Line) => (worst ? FLAGS.length - FLAGS.indexOf(worst.flag) : 0),
  dead: ({ dead }: Line) => dead,
} satisfies Record<string, (line: Line) => string | number>;

export type Column = keyof typeof KEYS;
export const COLUMNS = Object.keys(KEYS) as Column[];

/** A column, with a minus where it falls. */
export type Sorting = Column | `-${Column}`;
export const SORTINGS: Sorting[] = COLUMNS.flatMap((column): Sorting[] => [column, `-${column}`]);

export function columnOf(sorting: Sorting): Column {
  return sorting.replace(/^-/, "") as Column;
}

/** The lines in order; equal ones stay in theirs. */
export function sorted(lines: readonly Line[], sorting: Sorting): Line[] {
  const key = KEYS[columnOf(sorting)];
  const sign = sorting.startsWith("-") ? -1 : 1;
  return [...lines].sort((a, b) => {
    const [one, other] = [key(a), key(b)];
    if (typeof one === "string" || typeof other === "string")
      return sign * String(one).localeCompare(String(other));
    if (Number.isNaN(one) || Number.isNaN(other))
      return Number(Number.isNaN(one)) - Number(Number.isNaN(other));
    return one === other ? 0 : sign * (one < other ? -1 : 1);
  });
}

/** Of each run the line that reaches furthest back, the furthest first; broken ones after all others. */
export function furthest(lines: readonly Line[]): Line[] {
  const seen = new Set<string>();
  const ordered = sorted(lines, "-horizon");
  return [...ordered.filter((line) => !isBroken(line)), ...ordered.filter(isBroken)].filter(
    ({ series }) => !seen.has(series.run) && seen.add(series.run),
  );
}

/** Whether the gradient reaches far only because it blows up, or is no number. */
function isBroken({ flags }: Line): boolean {
  return flags.includes("non_finite") || flags.includes("exploding");
}

/** The answer in one sentence, of what `furthest` gives. */
export function headline(runs: readonly Line[]): string {
  const known = runs.filter(({ horizon }) => !Number.isNaN(horizon));
  const healthy = known.filter((line) => !isBroken(line));
  if (known.length === 0) return "No gradient reaches back in time";
  if (healthy.length === 0) return "No gradient is sound: it explodes, or is not finite";
  const [{ horizon, longest, series }] = healthy;
  if (horizon === 0)
    return `No ${healthy.length < known.length ? "sound " : ""}gradient reaches back in time`;
  const equal = healthy.filter((line) => line.horizon === horizon);
  const far = `${horizon} of ${longest} timesteps`;
  if (equal.length > 1) {
    const first = equal.reduce((a, b) => (b.since < a.since ? b : a));
    const earliest = equal.every(({ since }) => since === first.since)
      ? ""
      : `, ${first.series.run} the earliest`;
    return `${listed(equal.map((line) => line.series.run))} reach back equally far${earliest}: ${far}`;
  }
  if (runs.length === 1) return `The gradient of ${series.run} reaches back ${far}`;
  return `${series.run} reaches furthest back: ${far}`;
}

function listed(names: readonly string[]): string {
  if (names.length > 3) return `${names.length} runs`;
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
