/** Everything the user chose. One object, mirrored in the URL; null means that the page chooses. */

import type { ScaleName } from "./colour/scale";
import type { MapName } from "./colour/table";
import type { Window } from "./data/pool";
import type { Show } from "./data/types";

export interface State {
  /** Names of the runs and tags shown. */
  runs: string[] | null;
  tags: string[] | null;
  runFilter: string;
  tagFilter: string;
  /** Null: the last step, also when newer ones come. */
  step: number | null;
  show: Show;
  scale: ScaleName;
  map: MapName | null;
  /** Typed ends of the colour scale. */
  limit: number | null;
  threshold: number | null;
  /** Over what the colour range is taken: what is on the page, each picture for itself. */
  range: "shared" | "each";
  /** Channels whose curves are drawn. */
  pins: number[] | null;
  /** What the heatmaps show of channels and timesteps. */
  window: Window | null;
}

export const INITIAL: Readonly<State> = {
  runs: null,
  tags: null,
  runFilter: "",
  tagFilter: "",
  step: null,
  show: 0,
  scale: "symlog",
  map: null,
  limit: null,
  threshold: null,
  range: "shared",
  pins: null,
  window: null,
};

export class Store {
  private current: State;
  private readonly listeners = new Set<() => void>();

  constructor(state: State) {
    this.current = state;
  }

  get state(): Readonly<State> {
    return this.current;
  }

  set(change: Partial<State>): void {
    this.current = { ...this.current, ...change };
    for (const listener of this.listeners) listener();
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
