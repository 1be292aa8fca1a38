/** Columns of numbers, each with its name. */
export interface Table {
  /** The name of the rows and their numbers, such as training steps. */
  index: [name: string, numbers: readonly number[]];
  names: string[];
  /** The columns, each with one number per row; null and undefined for no number. */
  columns: ArrayLike<number | null | undefined>[];
}
