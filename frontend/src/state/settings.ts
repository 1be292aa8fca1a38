/** Settings that outlive a visit, in the browser's storage. */

import { INITIAL, type State, settingsOf } from "./state";
import { ownKeys, readHash, writeHash } from "./url";

const STORED = "rnngrad.settings";

/** The settings of the last visit, unless the URL names one of our views: a link shows the same to everyone. */
export function keptSettings(hash: string): State {
  return ownKeys(hash) ? INITIAL : readHash(storage()?.getItem(STORED) ?? "");
}

export function keepSettings(state: State): void {
  storage()?.setItem(STORED, writeHash("", settingsOf(state)));
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
