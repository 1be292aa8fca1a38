/** Channel groups: gates, directions. */

export type Groups = readonly (readonly [name: string, size: number])[];

/** The name of each group, its first channel, and the one after its last. */
export function rangesOf(groups: Groups): { name: string; from: number; to: number }[] {
  let to = 0;
  return groups.map(([name, size]) => {
    const from = to;
    to += size;
    return { name, from, to };
  });
}

/** A channel's number, with the name of its group; if the group has several channels, also its number in the group. */
export function channelName(channel: number, groups: Groups | null | undefined): string {
  const found = rangesOf(groups ?? []).find(({ to }) => channel < to);
  if (!found) return String(channel);
  const { name, from, to } = found;
  return `${channel} (${to - from > 1 ? `${name} ${channel - from}` : name})`;
}
