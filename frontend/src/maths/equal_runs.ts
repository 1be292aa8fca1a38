/** Stretches of equal neighbours: a bar each instead of one for each step. */

export interface EqualRun<Value> {
  value: Value;
  from: number;
  /** The one after the last. */
  to: number;
}

/** The stretches of values that are not null. */
export function equalRuns<Value>(values: readonly (Value | null)[]): EqualRun<Value>[] {
  const found: EqualRun<Value>[] = [];
  for (let from = 0, to = 0; from < values.length; from = to) {
    const value = values[from];
    while (to < values.length && values[to] === value) to++;
    if (value !== null) found.push({ value, from, to });
  }
  return found;
}
