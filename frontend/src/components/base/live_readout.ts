/** Decides which readout a screen reader speaks. */

import type { LitElement } from "lit";

/**
 * Makes a screen reader speak the readout of the picture in which keys move the cursor, when the reader is
 * idle.
 *
 * Readouts that the pointer moves stay silent, and so do those of the pictures that follow: all of them at
 * once would drown each other.
 */
export class LiveReadout {
  /** The value of the readout's aria-live attribute. */
  live: "polite" | "off" = "off";

  constructor(private readonly host: LitElement) {
    host.addEventListener("focusin", (event) => {
      this.turn((event.composedPath()[0] as Element).matches(":focus-visible"));
    });
    host.addEventListener("keydown", () => this.turn(true));
    host.addEventListener("pointermove", () => this.turn(false));
    host.addEventListener("focusout", () => this.turn(false));
  }

  private turn(on: boolean): void {
    const live = on ? "polite" : "off";
    if (live === this.live) return;
    this.live = live;
    this.host.requestUpdate();
  }
}
