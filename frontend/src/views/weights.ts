/** Weights of a layer: which tags are its kernel, recurrent kernel and bias, values and gradients. No DOM. */

import type { TagEntry } from "../data/types";

const PARTS = ["kernel", "recurrent_kernel", "bias"];
/** Under these the callback logs values and gradients (and logged values, once); what follows names the part. */
const KINDS = ["weights", "weight_gradients", "kernels"];

/** Quantities that are matrices of weights. */
export const WEIGHTS: readonly string[] = ["weight", "weight_gradient"];

export function isWeight({ metadata }: Pick<TagEntry, "metadata">): boolean {
  return WEIGHTS.includes(metadata.quantity ?? "");
}

/** A tag as layer and part, the same for values and gradients: "lstm", "forward/kernel". */
function split(tag: string): [layer: string, part: string] {
  const names = tag.split("/");
  const kind = Math.max(...KINDS.map((name) => names.lastIndexOf(name)));
  return [names.slice(0, Math.max(0, kind)).join("/"), names.slice(kind + 1).join("/")];
}

export function partOf(tag: string): string {
  return split(tag)[1];
}

/** The layer that a tag is of, as it was logged or else as the tag says. */
export function layerOf(tag: string, { metadata }: Pick<TagEntry, "metadata">): string {
  return metadata.layer ?? split(tag)[0];
}

/** One part of a layer: its value and its gradient, as far as they are logged. */
export interface Part<One> {
  name: string;
  value: One | null;
  gradient: One | null;
}

/** The parts of one layer, as its formula has them: by direction and cell, kernel before recurrent kernel before bias. */
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

/** The tags of the layer that the first of `tags` is of. */
export function firstLayer(tags: readonly string[], entries: Record<string, TagEntry>): string[] {
  const layers = tags.map((tag) => layerOf(tag, entries[tag]));
  return tags.filter((_, i) => layers[i] === layers[0]);
}
