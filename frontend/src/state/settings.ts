/** Settings that outlive a visit: how to draw, but not what. */

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

/** The settings of the last visit, unless the URL names one of our views: a link shows the same to everyone. */
export function keptSettings(hash: string): State {
  return ownKeys(hash) ? INITIAL : readHash(storage()?.getItem(STORED) ?? "");
}

export function keepSettings(state: State): void {
  const kept = Object.fromEntries(KEPT.map((key) => [key, state[key]]));
  storage()?.setItem(STORED, writeHash("", { ...INITIAL, ...kept }));
}

/** The browser's storage; null if it keeps nothing, as in frames on pages of another site. */
function storage(): Storage | null {
  try {
    return localStorage;
  } catch (error) {
    if (error instanceof DOMException) return null;
    throw error;
  }
}
