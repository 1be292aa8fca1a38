const DASHES: readonly number[][] = [[], [6, 4], [2, 3], [8, 3, 2, 3], [14, 4]];

/** The dashes of the line at a place among lines of one colour, as lengths in pixels. None for the first. */
export function dashAt(place: number): number[] {
  return DASHES[place % DASHES.length];
}
