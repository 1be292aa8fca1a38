/** Lines over training: one a run, the mean and band of a group of runs, the median and band of a crowd. */

/** Numbers at training steps, ascending; null where there is none to draw. */
export interface Trace {
  label: string;
  colour: string;
  dash: number[];
  steps: readonly number[];
  values: (number | null)[];
  band?: { low: (number | null)[]; high: (number | null)[] };
}

/** What is drawn of more lines than can be told apart. */
export const CROWD = 12;
/** Of a crowd so many are drawn, the first ones. */
const CHOSEN = 3;

/** Every step of any of the traces, ascending. */
export function unionOf(traces: readonly { steps: readonly number[] }[]): number[] {
  return [...new Set(traces.flatMap(({ steps }) => steps))].sort((a, b) => a - b);
}

/** The value at a step, between two known ones in proportion; null before the first, after the last and beside a gap. */
export function valueAt({ steps, values }: Pick<Trace, "steps" | "values">, step: number): number | null {
  let low = 0;
  let high = steps.length - 1;
  if (high < 0 || step < steps[0] || step > steps[high]) return null;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (steps[middle] <= step) low = middle;
    else high = middle;
  }
  if (steps[high] === step) return values[high];
  const [before, after] = [values[low], values[high]];
  if (steps[low] === step) return before;
  if (before === null || after === null) return null;
  return before + ((step - steps[low]) / (steps[high] - steps[low])) * (after - before);
}

/** The mean of several traces at every step of any, and from the least to the most as a band. */
export function meanTrace(label: string, traces: readonly Trace[]): Trace {
  return summary(label, traces, {
    middle: (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
    low: (values) => values[0],
    high: (values) => values[values.length - 1],
  });
}

/** Few traces as they are; of a crowd the first ones, and all of it as its median and a band from 5 to 95 %. */
export function readable(traces: readonly Trace[], colour: string): Trace[] {
  if (traces.length <= CROWD) return [...traces];
  const crowd = summary(`all ${traces.length}: median, 5–95 %`, traces, {
    middle: (values) => quantile(values, 0.5),
    low: (values) => quantile(values, 0.05),
    high: (values) => quantile(values, 0.95),
  });
  return [{ ...crowd, colour, dash: [2, 3] }, ...traces.slice(0, CHOSEN)];
}

interface Summary {
  middle: (ascending: readonly number[]) => number;
  low: (ascending: readonly number[]) => number;
  high: (ascending: readonly number[]) => number;
}

function summary(label: string, traces: readonly Trace[], of: Summary): Trace {
  const steps = unionOf(traces);
  const found = steps.map((step) =>
    traces
      .map((trace) => valueAt(trace, step))
      .filter((value) => value !== null)
      .sort((a, b) => a - b),
  );
  const each = (take: Summary["middle"]) => found.map((values) => (values.length ? take(values) : null));
  const [{ colour, dash }] = traces;
  return {
    label,
    colour,
    dash,
    steps,
    values: each(of.middle),
    band: { low: each(of.low), high: each(of.high) },
  };
}

/** The smallest value that at least this share of them does not exceed. */
function quantile(ascending: readonly number[], share: number): number {
  return ascending[Math.max(0, Math.ceil(share * ascending.length) - 1)];
}

/** Values of a trace placed on the steps of an axis; undefined where the line goes on to its next one. */
export function placed(
  steps: readonly number[],
  values: readonly (number | null)[],
  axis: ReadonlyMap<number, number>,
): (number | null | undefined)[] {
  const found: (number | null | undefined)[] = new Array(axis.size).fill(undefined);
  steps.forEach((step, i) => {
    found[axis.get(step) as number] = values[i];
  });
  return found;
}
