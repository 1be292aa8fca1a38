/** What elements tell the page, as events that cross shadow roots. */

import type { SeriesName, State } from "../../state/state";

/** Where the pointer is, in all views at once: a timestep, and a channel where the view has one. */
export interface Cursor {
  t: number;
  c: number | null;
  /** The number of a sample, where the view tells samples apart. */
  s?: number;
}

/** Where the pointer is in a flow: a step where it is on one, a timestep or lag where it is on one. */
export interface FlowPoint {
  step: number | null;
  row: number | null;
}

interface Details {
  /** The user chose something. */
  "rg-set": Partial<State>;
  /** The pointer moved to a cell, or left (null). */
  "rg-cursor": Cursor | null;
  /** A cell was chosen: its channel is to be pinned, or no longer. */
  "rg-pin": { t: number; c: number };
  /** A card is to stand first, or no longer. */
  "rg-pin-card": SeriesName;
  /** The pointer moved to a training step of a flow, and a row of its map where it is on one; or left. */
  "rg-flow-point": FlowPoint | null;
  /** The charts of scalars are to be seen. */
  "rg-show-scalars": undefined;
  /** Try again what failed. */
  "rg-retry": undefined;
}

declare global {
  interface HTMLElementEventMap {
    "rg-set": CustomEvent<Details["rg-set"]>;
    "rg-cursor": CustomEvent<Details["rg-cursor"]>;
    "rg-pin": CustomEvent<Details["rg-pin"]>;
    "rg-pin-card": CustomEvent<Details["rg-pin-card"]>;
    "rg-flow-point": CustomEvent<Details["rg-flow-point"]>;
    "rg-show-scalars": CustomEvent<Details["rg-show-scalars"]>;
    "rg-retry": CustomEvent<Details["rg-retry"]>;
  }
}

export function emit<Name extends keyof Details>(from: EventTarget, name: Name, detail: Details[Name]): void {
  from.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
}
