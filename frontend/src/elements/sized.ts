import { LitElement, type PropertyDeclarations } from "lit";

/** An element that draws to its own width, in CSS pixels: `width`, 0 until it is known. */
export abstract class SizedElement extends LitElement {
  static override properties: PropertyDeclarations = { width: { state: true } };

  declare width: number;

  private readonly observer = new ResizeObserver(([entry]) => {
    this.width = Math.floor(entry.contentRect.width);
  });

  constructor() {
    super();
    this.width = 0;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.observer.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.observer.disconnect();
  }
}
