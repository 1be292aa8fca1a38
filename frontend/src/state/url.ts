/**
 * The state in the hash of TensorBoard's URL, `#rnngrad&p.rnngrad.step=7&...`.
 *
 * Keys that start with `p.rnngrad.` are ours. The others stay as they are.
 */

import { FIELDS, INITIAL, KEYS, type State } from "./state";

const PREFIX = "p.rnngrad.";

/** Whether a hash holds any key of ours. */
export function ownKeys(hash: string): boolean {
  return hash.includes(`&${PREFIX}`);
}

/** The state that a hash describes, on top of `base`. */
export function readHash(hash: string, base: State = INITIAL): State {
  const state = { ...base };
  for (const part of hash.replace(/^#/, "").split("&")) {
    const [name, value = ""] = part.split("=", 2);
    const key = KEYS.find((key) => PREFIX + key === name);
    if (key) assign(state, key, unescaped(value));
  }
  return state;
}

function assign<Key extends keyof State>(state: State, key: Key, value: string): void {
  const read = FIELDS[key].codec.read(value);
  if (read !== undefined) state[key] = read;
}

function unescaped(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch (error) {
    if (error instanceof URIError) return value;
    throw error;
  }
}

/** The hash with `state` in it. Initial values are left out. */
export function writeHash(hash: string, state: State): string {
  const others = hash
    .replace(/^#/, "")
    .split("&")
    .filter((part) => part && !part.startsWith(PREFIX));
  if (others.length === 0) others.push("rnngrad");
  const ours = KEYS.filter((key) => !isInitial(state, key)).map((key) => pair(key, state));
  return `#${[...others, ...ours].join("&")}`;
}

function isInitial(state: State, key: keyof State): boolean {
  return JSON.stringify(state[key]) === JSON.stringify(INITIAL[key]);
}

function pair<Key extends keyof State>(key: Key, state: State): string {
  return `${PREFIX}${key}=${encodeURIComponent(FIELDS[key].codec.write(state[key]))}`;
}
