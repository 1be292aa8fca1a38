import type { Series } from "./series";
import type { TagEntry } from "./types";

/** Whether a record is a matrix: rows and channels, no sequence. */
export function isMatrix({ entry }: Series): boolean {
  const { quantity } = entry.metadata;
  return quantity === "state_jacobian" || isWeight(entry);
}

/** Whether there are tensors of a tag, not flow alone; an error is told in their place. */
export function hasTensors({ steps, error }: TagEntry): boolean {
  return steps.length > 0 || error !== undefined;
}

/** Whether a record has timesteps, of which the flow tells; matrices have rows. */
export function hasFlow({ metadata }: TagEntry): boolean {
  const { quantity = "" } = metadata;
  const other = quantity.startsWith("weight") || ["state_jacobian", "itemized_gradient"].includes(quantity);
  return !other && (metadata.statistics?.includes("lag_norm_mean") ?? false);
}

/** Whether a record is of sequences: matrices and itemised gradients have rows of another kind. */
export function isSequence(entry: TagEntry): boolean {
  const { quantity } = entry.metadata;
  return !isWeight(entry) && !isRaw(quantity) && !isNorm(quantity);
}

/** Whether the numbers are logarithms already. */
export function isRaw(quantity: string | undefined): boolean {
  return quantity === "state_jacobian";
}

/** Whether the numbers are norms, which have no sign. */
export function isNorm(quantity: string | undefined): boolean {
  return quantity === "itemized_gradient";
}

export function isWeight({ metadata }: Pick<TagEntry, "metadata">): boolean {
  return WEIGHTS.includes(metadata.quantity ?? "");
}

/** Quantities that are matrices of weights. */
export const WEIGHTS: readonly string[] = ["weight", "weight_gradient"];
