import { LitElement, type PropertyDeclarations } from "lit";

/** As high as an element counts before it was ever drawn, in pixels. */
const GUESSED_HEIGHT = 220;

/**
 * An element that draws to its own width, in CSS pixels: `width`, 0 until it is known. Far out of view it keeps
 * its height, and is drawn anew when it comes near.
 */
export abstract class SizedElement extends LitElement {
  static override properties: PropertyDeclarations = { width: { state: true } };

  declare width: number;

  private readonly observer = new ResizeObserver(([entry]) => {
    this.width = Math.floor(entry.contentRect.width);
  });
  /** Whether it is far out of view; browsers that tell of it do so once they laid it out. */
  private skipped = "oncontentvisibilityautostatechange" in globalThis;
  private resume = () => {};

  constructor() {
    super();
    this.width = 0;
    this.addEventListener("contentvisibilityautostatechange", (event) => {
      this.skipped = (event as ContentVisibilityAutoStateChangeEvent).skipped;
      if (!this.skipped) this.resume();
    });
    // The next key must find what is to be drawn: Tab would go past controls that come a frame later.
    this.addEventListener("focusin", () => {
      this.skipped = false;
      this.resume();
    });
  }

  /** The height that it keeps free before it is first drawn. */
  protected get reserved(): number {
    return GUESSED_HEIGHT;
  }

  /** Draw it though it is out of view. */
  async drawNow(): Promise<void> {
    this.skipped = false;
    this.resume();
    await this.updateComplete;
  }

  protected override async scheduleUpdate(): Promise<void> {
    this.style.containIntrinsicHeight = `auto ${this.reserved}px`;
    if (this.skipped) {
      await new Promise<void>((near) => {
        this.resume = near;
      });
    }
    super.scheduleUpdate();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.style.contentVisibility = "auto";
    this.observer.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.observer.disconnect();
  }
}
