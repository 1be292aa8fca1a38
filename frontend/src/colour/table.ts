/** Colour tables: from a bfloat16 code to the colour of a pixel. */

import { CODES, codeValue, NAN, NEGATIVE_INFINITY, PADDING, POSITIVE_INFINITY } from "./bfloat16";
import { DIVERGING, SEQUENTIAL } from "./maps";
import { isOfMagnitudes, placer, type Scale, valueAt } from "./scale";

const SIGN = 0x8000;

export type DivergingName = keyof typeof DIVERGING;
export type SequentialName = keyof typeof SEQUENTIAL;
export type MapName = DivergingName | SequentialName;

export const DIVERGING_NAMES = Object.keys(DIVERGING) as DivergingName[];
export const SEQUENTIAL_NAMES = Object.keys(SEQUENTIAL) as SequentialName[];
export const MAP_NAMES: MapName[] = [...DIVERGING_NAMES, ...SEQUENTIAL_NAMES];

const SOURCES: Record<MapName, string> = { ...DIVERGING, ...SEQUENTIAL };

/**
 * The names and colours of special values. No map has these colours.
 *
 * Padding is transparent, so that the heatmap's hatched background shows through.
 */
export const SPECIALS = {
  zero: { label: "exact 0", rgb: [158, 158, 158] },
  nan: { label: "NaN", rgb: [255, 0, 240] },
  posinf: { label: "+Inf", rgb: [0, 255, 0] },
  neginf: { label: "−Inf", rgb: [0, 255, 255] },
} as const;

/** The names and colours of values beyond the ends of a range that does not cover all. */
export const BEYOND = {
  above: { label: "above the range", rgb: [153, 0, 255] },
  below: { label: "below the range", rgb: [0, 153, 255] },
} as const;

/**
 * The end of a scale that a value lies beyond; null if none.
 *
 * The least magnitude that log distinguishes is not an end: a smaller value is merely small.
 */
export function beyondOn(scale: Scale, value: number): keyof typeof BEYOND | null {
  const shown = isOfMagnitudes(scale) ? Math.abs(value) : value;
  if (shown > scale.high + ROUNDING * Math.abs(scale.high)) return "above";
  return scale.name !== "log" && shown < scale.low - ROUNDING * Math.abs(scale.low) ? "below" : null;
}

/** The colour of an exact 0: gray, except in a map of grays. */
export function zeroColour(map: MapName): readonly [number, number, number] {
  return map === "gray" ? [150, 110, 40] : SPECIALS.zero.rgb;
}

/** A value less than this share beyond an end may lie at the end, because codes are rounded. */
const ROUNDING = 2 ** -8;

/** The red, green and blue bytes of a map's 256 colours. */
export function mapColours(name: MapName): Uint8Array {
  const bytes = Uint8Array.from(atob(SOURCES[name]), (character) => character.charCodeAt(0));
  for (let i = 3; i < bytes.length; i++) bytes[i] += bytes[i - 3]; // differences from the colour before
  return bytes;
}

/** The index of the colour at a place between 0 and 1. */
export function colourIndex(place: number): number {
  return Math.min(255, Math.floor(place * 256));
}

function pixel(red: number, green: number, blue: number): number {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** The colours of all codes, as little-endian RGBA pixels. */
export function colourTable(scale: Scale, map: MapName): Uint32Array {
  const colours = mapColours(map);
  const pixels = Uint32Array.from({ length: 256 }, (_, i) =>
    pixel(colours[3 * i], colours[3 * i + 1], colours[3 * i + 2]),
  );
  const table = new Uint32Array(CODES);
  const nan = pixel(...SPECIALS.nan.rgb);
  table.fill(nan);
  // Codes of one sign ascend by magnitude, and so do their colours: one logarithm per colour suffices.
  const edges = Float64Array.from({ length: 257 }, (_, i) => valueAt(scale, i / 256));
  const middle = colourIndex(placer(scale)(0));
  let [above, below] = [middle, middle];
  const ofMagnitudes = isOfMagnitudes(scale);
  const beyonds = { above: pixel(...BEYOND.above.rgb), below: pixel(...BEYOND.below.rgb) };
  const colourAt = (value: number, index: number) => {
    const beyond = beyondOn(scale, value);
    return beyond ? beyonds[beyond] : pixels[index];
  };
  for (let magnitude = 0; magnitude < POSITIVE_INFINITY; magnitude++) {
    const value = codeValue(magnitude);
    while (above < 255 && value >= edges[above + 1]) above++;
    while (below > 0 && -value < edges[below]) below--;
    table[magnitude] = colourAt(value, above);
    table[magnitude | SIGN] = ofMagnitudes ? table[magnitude] : colourAt(-value, below);
  }
  const zero = pixel(...zeroColour(map));
  if (!scale.logarithms) table[0x0000] = table[0x8000] = zero;
  table[NAN] = nan;
  table[PADDING] = 0;
  table[POSITIVE_INFINITY] = pixel(...SPECIALS.posinf.rgb);
  table[NEGATIVE_INFINITY] = scale.logarithms ? zero : pixel(...SPECIALS.neginf.rgb);
  return table;
}

const kept = new Map<string, Uint32Array>();
const KEPT_TABLES = 8;

/** `colourTable`, cached: every heatmap on one scale shares one table. */
export function sharedTable(scale: Scale, map: MapName): Uint32Array {
  const key = [scale.name, scale.low, scale.high, scale.threshold, scale.logarithms, map].join();
  let table = kept.get(key);
  if (!table) {
    table = colourTable(scale, map);
    if (kept.size >= KEPT_TABLES) kept.delete(kept.keys().next().value as string);
    kept.set(key, table);
  }
  return table;
}
