import type { Series } from "./series";
import type { TagEntry } from "./types";

/** Whether a record is a matrix, with rows and channels, instead of a sequence. */
export function isMatrix({ entry }: Series): boolean {
  const { quantity } = entry.metadata;
  return quantity === "state_jacobian" || isWeight(entry);
}

/** Whether a tag has tensors, not flow alone. An error counts: the page shows it in their place. */
export function hasTensors({ steps, error }: TagEntry): boolean {
  return steps.length > 0 || error !== undefined;
}

/** Whether a record has timesteps, which the flow describes. Matrices have rows. */
export function hasFlow({ metadata }: TagEntry): boolean {
  const { quantity = "" } = metadata;
  const other = quantity.startsWith("weight") || ["state_jacobian", "itemized_gradient"].includes(quantity);
  return !other && (metadata.statistics?.includes("lag_norm_mean") ?? false);
}

/** Whether a record holds sequences. Matrices and itemised gradients have rows of another kind. */
export function isSequence(entry: TagEntry): boolean {
  const { quantity } = entry.metadata;
  return !isWeight(entry) && !isRaw(quantity) && !isNorm(quantity);
}

/** Whether the numbers are already logarithms. */
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

/** The quantities that are matrices of weights. */
export const WEIGHTS: readonly string[] = ["weight", "weight_gradient"];
