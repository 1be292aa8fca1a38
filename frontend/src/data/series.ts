import type { KeptStep, TagEntry } from "./types";

/** The content of one picture: a tag of a run. */
export interface Series {
  run: string;
  tag: string;
  entry: TagEntry;
}

export type SeriesName = [run: string, tag: string];

export function nameOf({ run, tag }: Series): SeriesName {
  return [run, tag];
}

export function isNamed({ run, tag }: Series, name: Readonly<SeriesName>): boolean {
  return run === name[0] && tag === name[1];
}

/** The kept step nearest to `step`; the earlier one if two are equally near. */
export function nearestStep(steps: readonly KeptStep[], step: number): KeptStep | undefined {
  let nearest: KeptStep | undefined;
  for (const kept of steps) {
    if (!nearest || Math.abs(kept[0] - step) < Math.abs(nearest[0] - step)) nearest = kept;
  }
  return nearest;
}

/** Every kept step of any of the series, ascending. `stepsOf` may give other steps than a series' records. */
export function unionSteps(
  series: readonly Series[],
  stepsOf: (of: Series) => readonly KeptStep[] = ({ entry }) => entry.steps,
): number[] {
  const steps = new Set(series.flatMap((of) => stepsOf(of).map(([step]) => step)));
  return [...steps].sort((a, b) => a - b);
}
