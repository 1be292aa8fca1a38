import type { State } from "./state";

/** Holds the state and tells its listeners of changes. */
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
