/** Which lines a plot draws, and at which heights. */

import { isOfMagnitudes, type Scale } from "../../colour/scale";
import type { Folded } from "../../maths/fold_lines";
import type { Line } from "./uplot_options";

/**
 * The lines to draw. For many lines this is the median with a band, and over it those chosen or of the sample
 * pointed at.
 */
export function drawnLines(
  lines: readonly Line[],
  many: Folded | null,
  pointed: number | undefined,
  bandColour: string,
): readonly Line[] {
  if (!many) return withRaw(lines);
  const { count, low, median, high } = many;
  const label = `median of ${count}, band from 5 to 95 %`;
  const single = lines.filter(
    ({ aside, chosen, sample }) => aside || chosen || (sample !== undefined && sample === pointed),
  );
  return [{ label, colour: bandColour, dash: [], values: median, band: { low, high } }, ...withRaw(single)];
}

/** The lines, with the values they are smoothed from drawn faint behind them. */
function withRaw(lines: readonly Line[]): Line[] {
  const behind = lines.flatMap(({ raw, colour, label }): Line[] =>
    raw ? [{ label, colour: `${colour}66`, dash: [], values: raw, aside: true }] : [],
  );
  return [...behind, ...lines];
}

/** Values as the scale draws them. What a log scale does not tell apart, 0 too, is drawn at its lower end. */
export function heightsOn<Value extends number | null | undefined>(
  scale: Scale,
  values: readonly Value[],
): (Value | number)[] {
  if (!isOfMagnitudes(scale)) return [...values];
  const least = scale.name === "log" ? scale.low : 0;
  return values.map((value) => (typeof value === "number" ? Math.max(Math.abs(value), least) : value));
}
