import { LitElement, type PropertyDeclarations } from "lit";

/** The height to assume for an element that was never drawn, in pixels. */
const GUESSED_HEIGHT = 220;

/**
 * An element that draws to its own width: `width` in CSS pixels, 0 until it is known.
 *
 * Far out of view it keeps its height, and it draws again when it comes near.
 */
export abstract class SizedElement extends LitElement {
  static override properties: PropertyDeclarations = { width: { state: true } };

  declare width: number;

  private readonly observer = new ResizeObserver(([entry]) => {
    this.width = Math.floor(entry.contentRect.width);
  });
  /** Whether the element is far out of view. Browsers that report this do so after its first layout. */
  private skipped = "oncontentvisibilityautostatechange" in globalThis;
  private resume = () => {};

  constructor() {
    super();
    this.width = 0;
    this.addEventListener("contentvisibilityautostatechange", (event) => {
      this.skipped = (event as ContentVisibilityAutoStateChangeEvent).skipped;
      if (!this.skipped) this.resume();
    });
    // Draw now: otherwise Tab would skip controls that appear a frame later.
    this.addEventListener("focusin", () => {
      this.skipped = false;
      this.resume();
    });
  }

  /** The height to reserve before the first drawing. */
  protected get reserved(): number {
    return GUESSED_HEIGHT;
  }

  /** Draw the element even if it is out of view. */
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
