/** Runs of equal neighbours, so that one bar can stand for many steps. */

export interface EqualRun<Value> {
  value: Value;
  from: number;
  /** The index after the last. */
  to: number;
}

/** The runs of equal values, without those that are null. */
export function equalRuns<Value>(values: readonly (Value | null)[]): EqualRun<Value>[] {
  const found: EqualRun<Value>[] = [];
  for (let from = 0, to = 0; from < values.length; from = to) {
    const value = values[from];
    while (to < values.length && values[to] === value) to++;
    if (value !== null) found.push({ value, from, to });
  }
  return found;
}
