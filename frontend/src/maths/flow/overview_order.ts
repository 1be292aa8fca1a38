/** The order of the overview's lines. */

import { compareRuns } from "../../data/run_order";
import { FLAGS } from "./flags";
import { isBroken, isSaturated, type OverviewLine, trend } from "./overview_line";

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
