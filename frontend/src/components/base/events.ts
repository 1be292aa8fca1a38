/** The events by which elements talk to the page. They cross shadow roots. */

import type { SeriesName } from "../../data/series";
import type { State } from "../../state/state";

/** The pointer's position, shared by all views: a timestep, and a channel where the view has one. */
export interface Cursor {
  t: number;
  c: number | null;
  /** The number of a sample, where the view tells samples apart. */
  s?: number;
}

/** The pointer's position in a flow: a step, a timestep or lag, or both. */
export interface FlowPoint {
  step: number | null;
  row: number | null;
}

interface Details {
  /** The user chose something. */
  "rg-set": Partial<State>;
  /** The pointer moved to a cell, or left (null). */
  "rg-cursor": Cursor | null;
  /** The user chose a cell, to pin or unpin its channel. */
  "rg-pin": { t: number; c: number };
  /** The user chose a card, to show it first or no longer. */
  "rg-pin-card": SeriesName;
  /** The pointer moved to a training step of a flow, and to a row where it is over a map; or it left (null). */
  "rg-flow-point": FlowPoint | null;
  /** Show the charts of scalars. */
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
