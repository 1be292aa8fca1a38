/** Weights of a layer: which tags are its kernel, recurrent kernel and bias, as values and gradients. No DOM. */

import { type Groups, rangesOf } from "../data/channel_groups";
import type { TagEntry, Tensor } from "../data/types";
import type { AxisNames } from "./heatmap/axes";

const PARTS = ["kernel", "recurrent_kernel", "bias"];
/**
 * The callback logs values and gradients under these names (and once logged values under the last). What
 * follows names the part.
 */
const KINDS = ["weights", "weight_gradients", "kernels"];

/** A tag as layer and part, the same for values and gradients: "lstm", "forward/kernel". */
function split(tag: string): [layer: string, part: string] {
  const names = tag.split("/");
  const kind = Math.max(...KINDS.map((name) => names.lastIndexOf(name)));
  return [names.slice(0, Math.max(0, kind)).join("/"), names.slice(kind + 1).join("/")];
}

/** The names of a matrix' rows and columns. For a kernel: the input's features, and the units they feed. */
export function weightAxes(tag: string): AxisNames {
  const part = partOf(tag).slice(partOf(tag).lastIndexOf("/") + 1);
  const rows: [pattern: RegExp, name: string][] = [
    [/bias/, "row"],
    [/recurrent|_hh/, "from unit"],
    [/kernel|_ih/, "from input feature"],
  ];
  const timesteps = rows.find(([pattern]) => pattern.test(part))?.[1] ?? "row";
  return { timesteps, channels: "to unit" };
}

export function partOf(tag: string): string {
  return split(tag)[1];
}

/** The layer of a tag, as logged or else as the tag says. */
export function layerOf(tag: string, { metadata }: Pick<TagEntry, "metadata">): string {
  return metadata.layer ?? split(tag)[0];
}

/** The L2 norm of each channel group of a matrix, over its finite values; of the whole matrix if it has no groups. */
export function groupNorms({ values }: Tensor, groups: Groups | null): { name: string; norm: number }[] {
  const ranges = rangesOf(groups ?? [["", values.rows]]);
  return ranges.map(({ name, from, to }) => {
    let sum = 0;
    for (let i = from * values.columns; i < to * values.columns; i++) {
      const square = values.values[i] ** 2;
      if (square < Number.POSITIVE_INFINITY) sum += square;
    }
    return { name, norm: Math.sqrt(sum) };
  });
}

/** The most cells to hold of a layer's matrices over all steps: about 100 MB. */
const MOST_CELLS = 2 ** 24;
const MOST_STEPS = 100;

/** The steps whose norms to draw: evenly spaced, with the last among them; one step if the matrix' size is unknown. */
export function normSteps<Step>(steps: readonly Step[], cells: number | null): Step[] {
  const most = cells === null ? 1 : Math.min(MOST_STEPS, Math.max(2, Math.floor(MOST_CELLS / cells)));
  if (steps.length <= most) return [...steps];
  if (most === 1) return steps.slice(-1);
  return Array.from({ length: most }, (_, i) => steps[Math.round((i * (steps.length - 1)) / (most - 1))]);
}

/** One part of a layer: its value and its gradient, if logged. */
export interface Part<One> {
  name: string;
  value: One | null;
  gradient: One | null;
}

/** The parts of one layer in the order of its formula: by direction and cell, then kernel, recurrent kernel, bias. */
export function partsOf<One>(
  tags: readonly { tag: string; quantity: string | undefined; one: One }[],
): Part<One>[] {
  const parts = new Map<string, Part<One>>();
  for (const { tag, quantity, one } of tags) {
    const name = partOf(tag);
    const part = parts.get(name) ?? { name, value: null, gradient: null };
    part[quantity === "weight" ? "value" : "gradient"] ??= one;
    parts.set(name, part);
  }
  const place = ({ name }: Part<One>) => {
    const at = PARTS.indexOf(name.slice(name.lastIndexOf("/") + 1));
    return at < 0 ? PARTS.length : at;
  };
  const where = ({ name }: Part<One>) => name.slice(0, name.lastIndexOf("/") + 1);
  return [...parts.values()].sort(
    (a, b) => where(b).localeCompare(where(a)) || place(a) - place(b) || a.name.localeCompare(b.name),
  );
}

/** The tags of the layer to which the first of `tags` belongs. */
export function firstLayer(tags: readonly string[], entries: Record<string, TagEntry>): string[] {
  const layers = tags.map((tag) => layerOf(tag, entries[tag]));
  return tags.filter((_, i) => layers[i] === layers[0]);
}
