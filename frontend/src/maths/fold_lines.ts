/** Many lines as a median and a band, with the chosen lines over them. No DOM. */

/** Above this many lines, the eye cannot tell them apart. */
export const MOST_LINES = 12;

const PROBABILITIES = [0.05, 0.5, 0.95] as const;

type Values = (number | null | undefined)[];

interface Foldable {
  label: string;
  values: Values;
  /** Whether it is drawn but not one of the compared lines, such as a fit. */
  aside?: boolean;
}

/** The quantiles of some lines at each place, and the number of lines; null where no line has a value. */
export interface Folded {
  count: number;
  low: (number | null)[];
  median: (number | null)[];
  high: (number | null)[];
}

/** The quantiles of lines; null if they are few enough to draw one by one. */
export function folded(lines: readonly Foldable[]): Folded | null {
  const compared = lines.filter(({ aside }) => !aside);
  if (compared.length <= MOST_LINES) return null;
  const places = Math.max(...compared.map(({ values }) => values.length));
  const [low, median, high] = PROBABILITIES.map(() => new Array<number | null>(places).fill(null));
  for (let i = 0; i < places; i++) {
    const there = compared.flatMap(({ values }) => values[i] ?? []).sort((a, b) => a - b);
    if (there.length === 0) continue;
    [low[i], median[i], high[i]] = PROBABILITIES.map((probability) => quantile(there, probability));
  }
  return { count: compared.length, low, median, high };
}

/** The quantile of sorted values, linear between ranks as NumPy's. */
function quantile(sorted: readonly number[], probability: number): number {
  const rank = probability * (sorted.length - 1);
  const below = Math.floor(rank);
  const above = Math.min(sorted.length - 1, below + 1);
  return sorted[below] + (rank - below) * (sorted[above] - sorted[below]);
}
