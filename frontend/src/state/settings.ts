/** Settings that outlive a visit: how to draw, not what. */

import { INITIAL, type State } from "./state";
import { ownKeys, readHash, writeHash } from "./url";

const STORED = "rnngrad.settings";
const KEPT = [
  "view",
  "scale",
  "map",
  "more",
  "range",
  "percentile",
  "eps",
  "vanishing",
  "exploding",
  "nonfinite",
  "dead",
  "flowAxis",
  "flowRelative",
  "smoothing",
  "xAxis",
  "speed",
  "loop",
  "overSteps",
  "bins",
  "plots",
  "pinned",
  "sizes",
  "axes",
  "time",
] as const;

/** What the last visit left, unless the URL names a view of ours: a link shows to all the same. */
export function keptSettings(hash: string): State {
  return ownKeys(hash) ? INITIAL : readHash(storage()?.getItem(STORED) ?? "");
}

export function keepSettings(state: State): void {
  const kept = Object.fromEntries(KEPT.map((key) => [key, state[key]]));
  storage()?.setItem(STORED, writeHash("", { ...INITIAL, ...kept }));
}

/** Null where the browser keeps nothing, as in frames of another site's pages. */
function storage(): Storage | null {
  try {
    return localStorage;
  } catch (error) {
    if (error instanceof DOMException) return null;
    throw error;
  }
}
