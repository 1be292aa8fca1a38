/** TensorBoard's own scalars beside the flow of the same run: which belong to it, and their places on its steps. */

import type { ScalarsByRun } from "../../data/api";
import type { KeptStep } from "../../data/types";
import type { Progress } from "./verdict";

/** Scalars that tb_rnngrad logs. The page draws these from the flow. */
const OURS = /\/(memory_horizon|half_life|largest_gain|far_end)$/;
/** What to draw if nothing is chosen: the first tag that matches each pattern. */
const DEFAULT_SCALARS = [
  [/(^|\/)(epoch_)?loss$/i, /loss/i],
  [/(^|\/)(epoch_)?(\w+_)?acc(uracy)?$/i, /acc(uracy)?/i],
];
/** Keras' TensorBoard callback numbers these by epoch, not by training step. */
const BY_EPOCH = /(^|\/)epoch_/;

/** Where records go, inside of a run's directory, if another writer has that for its scalars. */
const BESIDE = "rnngrad";

/**
 * The run of ours that a run of scalars belongs to: itself, or the nearest directory above it, each of them
 * with its directory `rnngrad`; null if there is none.
 *
 * Keras' TensorBoard callback logs into `train` and `validation` below its directory.
 */
export function ownerOf(run: string, ours: readonly string[]): string | null {
  for (let name = run; name && name !== "."; name = name.slice(0, Math.max(0, name.lastIndexOf("/")))) {
    const owner = [name, `${name}/${BESIDE}`].find((one) => ours.includes(one));
    if (owner) return owner;
  }
  if (ours.includes(".")) return ".";
  return run === "." && ours.includes(BESIDE) ? BESIDE : null;
}

/** The name of a run of scalars below the run of ours that it belongs to; "" if it is the same run. */
function nameBelow(owner: string, run: string): string {
  const home = owner.endsWith(`/${BESIDE}`) ? owner.slice(0, -BESIDE.length - 1) : owner;
  if (run === owner || run === home || run === ".") return "";
  const above = [owner, home].find((one) => run.startsWith(`${one}/`));
  return above ? run.slice(above.length + 1) : run;
}

/** The tags of scalars that belong to any of the runs, in alphabetical order. */
export function scalarTags(
  listed: Readonly<Record<string, readonly string[]>>,
  runs: readonly string[],
  ours: readonly string[],
): string[] {
  const belonging = Object.entries(listed).filter(([run]) => runs.includes(ownerOf(run, ours) ?? ""));
  return [...new Set(belonging.flatMap(([, tags]) => tags))].filter((tag) => !OURS.test(tag)).sort();
}

/** A loss and an accuracy, if there are such tags. */
export function usualTags(tags: readonly string[]): string[] {
  return DEFAULT_SCALARS.flatMap((kinds) => {
    const found = kinds.map((kind) => tags.find((tag) => kind.test(tag))).find((tag) => tag !== undefined);
    return found === undefined ? [] : [found];
  });
}

/** One run's scalars on the training steps of its records. */
export interface ScalarCurve {
  /** The run of ours, and the name of the scalars' run below it: "", "train", "validation". */
  run: string;
  below: string;
  /** Training steps and wall times. */
  kept: KeptStep[];
  values: (number | null)[];
}

/** The scalars of a tag that belong to runs of ours. `keptOf` gives a run's logged steps with their wall times. */
export function scalarCurves(
  tag: string,
  found: ScalarsByRun,
  runs: readonly string[],
  ours: readonly string[],
  keptOf: (run: string) => readonly KeptStep[],
): ScalarCurve[] {
  return Object.entries(found)
    .flatMap(([name, points]) => {
      const run = ownerOf(name, ours);
      if (run === null || !runs.includes(run) || points.length === 0) return [];
      const below = nameBelow(run, name);
      const kept = keptOf(run);
      const placed = points.map(
        ([step, wallTime]): KeptStep => [
          BY_EPOCH.test(tag) && kept.length ? stepAtWallTime(kept, wallTime) : step,
          wallTime,
        ],
      );
      return [{ run, below, kept: placed, values: points.map(([, , value]) => value) }];
    })
    .sort((a, b) => runs.indexOf(a.run) - runs.indexOf(b.run) || a.below.localeCompare(b.below));
}

/** Whether a tag's steps are epochs, so that its points are placed by their wall times among the records'. */
export function isByEpoch(tag: string): boolean {
  return BY_EPOCH.test(tag);
}

/** The training step at a wall time, interpolated between logged ones. */
export function stepAtWallTime(kept: readonly KeptStep[], wallTime: number): number {
  const after = kept.findIndex(([, at]) => at >= wallTime);
  if (after === 0) return kept[0][0];
  if (after < 0) return (kept.at(-1) as KeptStep)[0];
  const [[step, at], [nextStep, next]] = [kept[after - 1], kept[after]];
  return Math.round(step + ((wallTime - at) / (next - at)) * (nextStep - step));
}

/**
 * How a loss changed until a step: the means of its first and last tenth of points; null if there are fewer
 * than two.
 */
export function progressOf(tag: string, { kept, values }: ScalarCurve, until: number): Progress | null {
  const known = values.flatMap((value, i) => (value !== null && kept[i][0] <= until ? [value] : []));
  if (known.length < 2) return null;
  const few = Math.max(1, Math.floor(known.length / 10));
  const mean = (part: number[]) => part.reduce((sum, value) => sum + value, 0) / part.length;
  return { tag, first: mean(known.slice(0, few)), last: mean(known.slice(-few)) };
}
