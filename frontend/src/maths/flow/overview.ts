import { short } from "../../colour/ticks";
import { compareRuns } from "../../data/run_order";
import type { Series } from "../../data/series";
import { FLAGS, type Flag, isCarried, worst } from "./flags";
import type { Middle, Spread } from "./flow";
import { indexOf } from "./flow";
import type { FlowHistory, Limits } from "./history";
import { beyondWords, flagReason, percent } from "./samples";
import { ANSWERS, type Answer, type Progress, type Verdict, verdictOf } from "./verdict";

/** One series at one step, or the runs of a group. NaN means unknown. */
export interface OverviewLine {
  /** The name of the run or the group. */
  name: string;
  series: Series;
  /** The lines of a group's runs; empty for a single run. */
  members: readonly OverviewLine[];
  colour: string;
  /** The logged step that the line describes, and the first one. */
  step: number;
  first: number;
  /** The memory horizon, its largest possible lag, and the median sample's history so far. */
  horizon: Middle;
  lags: number;
  history: Float64Array;
  /** The share of its largest norm that a sample keeps at the far end. */
  farEnd: Middle;
  halfLife: Middle;
  r2: number;
  /** How many samples could be judged. */
  samples: number;
  /** The step from which on the horizon was never below half of its value now. */
  since: number;
  /**
   * The flags that are up with their reasons, samples that exceed a threshold by themselves, and the worst
   * flag of all.
   */
  flags: Flag[];
  reasons: Partial<Record<Flag, string>>;
  asides: string[];
  worst: { flag: Flag; step: number } | null;
  /** The share of channels that are exactly 0 throughout. */
  dead: number;
  /** Whether the log is older than the judging of single samples. */
  earlier: boolean;
  /** Whether the run can learn long dependencies. */
  verdict: Verdict;
}

/** What a line is made from. */
export interface Judged {
  series: Series;
  colour: string;
  history: FlowHistory;
  /** How a loss of the run changed until the step; null if unknown. */
  progress: Progress | null;
}

export function lineOf(judged: Judged, step: number, limits: Limits): OverviewLine {
  const { series, colour, history, progress } = judged;
  const { flow, flags, horizon } = history;
  const index = indexOf(flow, step);
  const worstOf = worst(flags);
  const sinceIndex = reachedSince(horizon.p50, index);
  const now = flags[index];
  const line = {
    name: series.run,
    series,
    members: [],
    colour,
    step: flow.steps[index][0],
    first: flow.steps[0][0],
    horizon: middleOf(horizon, index),
    lags: history.lags[index],
    history: horizon.p50.subarray(0, index + 1),
    farEnd: middleOf(history.farEnd, index),
    halfLife: middleOf(history.halfLife, index),
    r2: history.r2[index],
    samples: history.samples[index],
    since: sinceIndex === null ? Number.NaN : flow.steps[sinceIndex][0],
    flags: now,
    reasons: Object.fromEntries(now.map((flag) => [flag, flagReason(flag, history, index, limits)])),
    asides: FLAGS.filter((flag) => !now.includes(flag)).flatMap(
      (flag) => beyondWords(flag, history, index, limits) ?? [],
    ),
    worst: worstOf && { flag: worstOf.flag, step: flow.steps[worstOf.index][0] },
    dead: history.evidence.dead[index],
    earlier: history.earlier,
  };
  const carried = isCarried(series.entry.metadata.quantity);
  return { ...line, verdict: verdictOf({ ...line, carried, progress }) };
}

function middleOf(spread: Spread, index: number): Middle {
  return { low: spread.p05[index], mid: spread.p50[index], high: spread.p95[index] };
}

/** The first index from which up to `index` the horizon was never below half of its value there. */
export function reachedSince(horizon: Float64Array, index: number): number | null {
  if (Number.isNaN(horizon[index])) return null;
  let since = index;
  while (since > 0 && horizon[since - 1] >= horizon[index] / 2) since--;
  return since;
}

/** Whether the horizon is the whole sequence, so that it cannot rank runs. */
export function isSaturated({ horizon, lags }: Pick<OverviewLine, "horizon" | "lags">): boolean {
  return lags > 0 && horizon.mid >= lags;
}

/** One line for the runs of each group and tag, in the order of first appearance. A lone run keeps its own line. */
export function grouped(
  lines: readonly OverviewLine[],
  groupOf: (run: string) => string | null,
): OverviewLine[] {
  const groups = new Map<string, OverviewLine[]>();
  for (const line of lines) {
    const { run, tag } = line.series;
    const key = JSON.stringify([groupOf(run) ?? run, tag, groupOf(run) === null]);
    groups.set(key, [...(groups.get(key) ?? []), line]);
  }
  return [...groups.values()].map((members) =>
    members.length === 1 ? members[0] : joined(groupOf(members[0].series.run) as string, members),
  );
}

/** The mean over runs, with the least and the most. A flag is up if at least half of the runs have it. */
function joined(name: string, members: readonly OverviewLine[]): OverviewLine {
  const [first] = members;
  const over = (of: (line: OverviewLine) => number): Middle => {
    const known = members.map(of).filter((value) => !Number.isNaN(value));
    if (known.length === 0) return { low: Number.NaN, mid: Number.NaN, high: Number.NaN };
    return { low: Math.min(...known), mid: meanOf(known), high: Math.max(...known) };
  };
  const having = (flag: Flag) => members.filter(({ flags }) => flags.includes(flag)).length;
  const flags = FLAGS.filter((flag) => 2 * having(flag) >= members.length);
  const shortest = Math.min(...members.map(({ history }) => history.length));
  const history = Float64Array.from({ length: shortest }, (_, i) =>
    meanOf(members.map((line) => line.history[i]).filter((value) => !Number.isNaN(value))),
  );
  const [horizon, farEnd] = [over((line) => line.horizon.mid), over((line) => line.farEnd.mid)];
  const lags = over((line) => line.lags).mid;
  const worstOf = FLAGS.find((flag) => members.some((line) => line.worst?.flag === flag));
  const firsts = members.flatMap((line) => (line.worst?.flag === worstOf ? (line.worst?.step ?? []) : []));
  return {
    ...first,
    name,
    members,
    horizon,
    lags,
    history,
    farEnd,
    halfLife: over(({ halfLife }) => halfLife.mid),
    r2: over(({ r2 }) => r2).mid,
    samples: over(({ samples }) => samples).mid,
    since: over(({ since }) => since).high,
    flags,
    reasons: Object.fromEntries(flags.map((flag) => [flag, `in ${having(flag)} of ${members.length} runs`])),
    asides: FLAGS.filter((flag) => having(flag) && !flags.includes(flag)).map(
      (flag) => `${having(flag)} of ${members.length} runs: ${flag.replace("_", " ")}`,
    ),
    worst: worstOf ? { flag: worstOf, step: Math.min(...firsts) } : null,
    dead: over(({ dead }) => dead).mid,
    earlier: members.some(({ earlier }) => earlier),
    verdict: joinedVerdict(members, horizon, lags, farEnd),
  };
}

function joinedVerdict(
  members: readonly OverviewLine[],
  horizon: Middle,
  lags: number,
  farEnd: Middle,
): Verdict {
  const counts = (Object.keys(ANSWERS) as Answer[]).flatMap((answer) => {
    const count = members.filter((line) => line.verdict.answer === answer).length;
    return count ? [{ answer, said: `${ANSWERS[answer]} in ${count} of ${members.length} runs` }] : [];
  });
  const reach = Number.isNaN(horizon.mid)
    ? []
    : [`${short(horizon.low)} to ${short(horizon.high)} of ${short(lags)} timesteps back`];
  const left = Number.isNaN(farEnd.mid)
    ? []
    : [`${percent(farEnd.low)} to ${percent(farEnd.high)} left at the far end`];
  const texts = [counts.map(({ said }) => said).join(", "), [...reach, ...left].join(", ")].filter(Boolean);
  return {
    answer: counts.length === 1 ? counts[0].answer : "unknown",
    claims: texts.map((text) => ({ text, shows: "flow" })),
  };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The first known horizon, and the change from it to the horizon now. */
export function trend(history: Float64Array): { from: number; change: number } {
  const from = history.find((horizon) => !Number.isNaN(horizon)) ?? Number.NaN;
  return { from, change: (history.at(-1) ?? Number.NaN) - from };
}

/** The points of a line through values in a box, at most `most` of them. Gaps are left out. */
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

/** The keys that each column sorts by, in turn. Unknown numbers come last in either direction. */
const KEYS = {
  run: ({ name }: OverviewLine) => [name],
  tag: ({ series }: OverviewLine) => [series.tag],
  answer: ({ verdict }: OverviewLine) => [["no", "unknown", "yes"].indexOf(verdict.answer)],
  // Gradients that explode or are not finite reach far for that reason alone. Where the horizon is the whole
  // sequence, what is left at the far end ranks.
  horizon: (line: OverviewLine) => [
    Number(!isBroken(line)),
    line.horizon.mid,
    isSaturated(line) ? line.farEnd.mid : 0,
  ],
  farEnd: ({ farEnd }: OverviewLine) => [farEnd.mid],
  trend: ({ history }: OverviewLine) => [trend(history).change],
  // A norm that grows or stays does not fade.
  halfLife: ({ halfLife }: OverviewLine) => [halfLife.mid <= 0 ? Number.POSITIVE_INFINITY : halfLife.mid],
  flag: ({ worst }: OverviewLine) => [worst ? FLAGS.length - FLAGS.indexOf(worst.flag) : 0],
  dead: ({ dead }: OverviewLine) => [dead],
} satisfies Record<string, (line: OverviewLine) => (string | number)[]>;

export type Column = keyof typeof KEYS;
export const COLUMNS = Object.keys(KEYS) as Column[];

/** A column, with a minus for descending order. */
export type Sorting = Column | `-${Column}`;
export const SORTINGS: Sorting[] = COLUMNS.flatMap((column): Sorting[] => [column, `-${column}`]);

export function columnOf(sorting: Sorting): Column {
  return sorting.replace(/^-/, "") as Column;
}

/** The lines in order. Equal ones keep their order. */
export function sorted(lines: readonly OverviewLine[], sorting: Sorting): OverviewLine[] {
  const keys: (line: OverviewLine) => (string | number)[] = KEYS[columnOf(sorting)];
  const sign = sorting.startsWith("-") ? -1 : 1;
  return [...lines].sort((a, b) => {
    const others = keys(b);
    const differences = keys(a).map((key, i) => compared(key, others[i], sign));
    return differences.find((difference) => difference !== 0) ?? 0;
  });
}

function compared(one: string | number, other: string | number, sign: number): number {
  if (typeof one === "string" || typeof other === "string")
    return sign * compareRuns(String(one), String(other));
  if (Number.isNaN(one) || Number.isNaN(other))
    return Number(Number.isNaN(one)) - Number(Number.isNaN(other));
  return one === other ? 0 : sign * (one < other ? -1 : 1);
}

/** For each run or group the line that reaches furthest back, the furthest first. Broken ones come after all others. */
export function furthest(lines: readonly OverviewLine[]): OverviewLine[] {
  const seen = new Set<string>();
  return sorted(lines, "-horizon").filter(({ name }) => !seen.has(name) && seen.add(name));
}

/** Whether the gradient reaches far only because it blows up or is not a number. */
function isBroken({ flags }: OverviewLine): boolean {
  return flags.includes("non_finite") || flags.includes("exploding");
}

/** Remaining shares within this distance do not tell which run is better. */
const AS_MUCH = 0.05;

/** The answer in one sentence, from the lines that `furthest` gives. */
export function headline(runs: readonly OverviewLine[]): string {
  const known = runs.filter(({ horizon }) => !Number.isNaN(horizon.mid));
  const healthy = known.filter((line) => !isBroken(line));
  if (known.length === 0) {
    return runs.some(({ earlier }) => earlier)
      ? "Cannot say how far back the gradient reaches: an earlier version logged it, and samples differ in length"
      : "Cannot say how far back the gradient reaches: no sample can be judged";
  }
  if (healthy.length === 0) return "No gradient is sound: it explodes, or is not finite";
  const [best] = healthy;
  const { name, horizon, lags } = best;
  if (horizon.mid === 0)
    return `No ${healthy.length < known.length ? "sound " : ""}gradient reaches back in time`;
  if (isSaturated(best) && !Number.isNaN(best.farEnd.mid)) return saturatedHeadline(runs, healthy);
  const equal = healthy.filter((line) => line.horizon.mid === horizon.mid);
  const far = `${short(horizon.mid)} of ${short(lags)} timesteps`;
  if (equal.length > 1) {
    const first = equal.reduce((a, b) => (b.since < a.since ? b : a));
    const earliest = equal.every(({ since }) => since === first.since) ? "" : `, ${first.name} the earliest`;
    return `${listed(equal.map((line) => line.name))} reach back equally far${earliest}: ${far}`;
  }
  if (runs.length === 1) return `The gradient of ${name} reaches back ${far}`;
  return `${name} reaches furthest back: ${far}`;
}

/** The headline where the horizon is the whole sequence: what is left at the far end ranks instead. */
function saturatedHeadline(runs: readonly OverviewLine[], healthy: readonly OverviewLine[]): string {
  const saturated = healthy.filter(isSaturated);
  const [{ name, farEnd, lags }] = saturated;
  const left = `${percent(farEnd.mid)} of the largest norm is left`;
  if (runs.length === 1)
    return `The gradient of ${name} reaches back all ${short(lags)} timesteps: ${left} there`;
  const alike = saturated.filter((line) => line.farEnd.mid >= (1 - AS_MUCH) * farEnd.mid);
  const who = alike.length > 1 ? `${listed(alike.map((line) => line.name))} keep most` : `${name} keeps most`;
  const where = alike.every((line) => line.lags === lags)
    ? `${short(lags)} timesteps back`
    : "at the far end";
  return `${who} of the gradient: about ${left} ${where}`;
}

function listed(names: readonly string[]): string {
  if (names.length > 3) return `${names.length} runs`;
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
