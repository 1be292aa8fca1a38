/** Points of a scatter plot, each a channel of one sample. No DOM. */

/** The channel nearest to `height`, by `place`; null if no value is finite. */
export function nearestPoint(
  values: ArrayLike<number>,
  place: (value: number) => number,
  height: number,
): number | null {
  const distance = (channel: number) => Math.abs(place(values[channel]) - height);
  return drawn(values).reduce<number | null>(
    (nearest, channel) => (nearest === null || distance(channel) < distance(nearest) ? channel : nearest),
    null,
  );
}

/**
 * The channel whose point is next above (1) or below (-1) that of `channel`; `channel` itself at the end.
 *
 * Of equal values, the higher channel counts as above. If `channel` has no point: the lowest point going up,
 * the highest going down.
 */
export function pointBeside(values: ArrayLike<number>, channel: number | null, way: 1 | -1): number | null {
  const rising = drawn(values).sort((a, b) => values[a] - values[b] || a - b);
  const at = channel === null ? -1 : rising.indexOf(channel);
  if (at < 0) return rising.at(way === 1 ? 0 : -1) ?? null;
  return rising[Math.min(rising.length - 1, Math.max(0, at + way))];
}

/** The channels that have a point. */
function drawn(values: ArrayLike<number>): number[] {
  return Array.from(values).flatMap((value, channel) => (Number.isFinite(value) ? [channel] : []));
}
