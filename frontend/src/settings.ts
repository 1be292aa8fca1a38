/** Settings that outlive a visit: how to draw, not what. */

import { INITIAL, type State } from "./state";
import { ownKeys, readHash, writeHash } from "./url";

const STORED = "rnngrad.settings";
const KEPT = [
  "view",
  "scale",
  "map",
  "range",
  "percentile",
  "eps",
  "vanishing",
  "exploding",
  "nonfinite",
  "dead",
  "flowAxis",
  "speed",
  "loop",
  "overSteps",
  "plots",
  "pinned",
  "axes",
  "time",
] as const;

/** What the last visit left, unless the URL names a view of ours: a link shows to all the same. */
export function keptSettings(hash: string): State {
  return ownKeys(hash) ? INITIAL : readHash(localStorage.getItem(STORED) ?? "");
}

export function keepSettings(state: State): void {
  const kept = Object.fromEntries(KEPT.map((key) => [key, state[key]]));
  localStorage.setItem(STORED, writeHash("", { ...INITIAL, ...kept }));
}
