/** Columns of numbers, each with its name. */
export interface Table {
  /** What the rows are: their name and their numbers, such as training steps. */
  index: [name: string, numbers: readonly number[]];
  names: string[];
  /** As many numbers each as there are rows; null and undefined: none. */
  columns: ArrayLike<number | null | undefined>[];
}
