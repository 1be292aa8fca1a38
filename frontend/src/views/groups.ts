/** Channel groups: gates, directions. */

export type Groups = readonly (readonly [name: string, size: number])[];

/** Of each group its name, its first channel and the one after its last. */
export function rangesOf(groups: Groups): { name: string; from: number; to: number }[] {
  let to = 0;
  return groups.map(([name, size]) => {
    const from = to;
    to += size;
    return { name, from, to };
  });
}
