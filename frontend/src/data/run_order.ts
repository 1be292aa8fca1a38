/** The order in which TensorBoard's dashboards list names. */

const NUMBER = /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** The characters that end a word. They sort before whatever continues it. */
const BREAK = /[\d/_]/;

/**
 * Compares numbers by value (run2 before run10, 1e-4 before 1e-3) and other text by character.
 *
 * A digit, "/" and "_" come first and rank equally.
 */
export function compareRuns(one: string, other: string): number {
  let [i, j] = [0, 0];
  while (i < one.length && j < other.length) {
    const numbers = [numberAt(one, i), numberAt(other, j)];
    if (numbers[0] && numbers[1]) {
      const difference = Number(numbers[0]) - Number(numbers[1]);
      if (difference) return difference;
      i += numbers[0].length;
      j += numbers[1].length;
      continue;
    }
    const [a, b] = [one[i++], other[j++]];
    const [breaksA, breaksB] = [BREAK.test(a), BREAK.test(b)];
    if (breaksA !== breaksB) return breaksA ? -1 : 1;
    if (!breaksA && a !== b) return a < b ? -1 : 1;
  }
  return one.length - i - (other.length - j) || (one < other ? -1 : Number(one > other));
}

function numberAt(text: string, at: number): string {
  NUMBER.lastIndex = at;
  return NUMBER.exec(text)?.[0] ?? "";
}
