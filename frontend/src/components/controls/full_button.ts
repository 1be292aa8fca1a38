import { css, html, LitElement } from "lit";
import { controls } from "../base/theme";

/** The height that a picture may take on the page, less what surrounds it, in pixels. */
export function fullHeight(): number {
  return Math.max(120, window.innerHeight - 260);
}

/** Lets its card fill the page, and restores it; so does Escape. */
export class RgFullButton extends LitElement {
  static override properties = { full: { state: true } };
  static override styles = [
    controls,
    css`
      button { display: flex; align-items: center; justify-content: center; width: 24px; height: 24px; padding: 0; border: 0; background: none; color: var(--rg-muted); }
      svg { width: 14px; height: 14px; fill: none; stroke: currentColor; stroke-width: 1.6; }
    `,
  ];

  declare full: boolean;

  constructor() {
    super();
    this.full = false;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener("keydown", this.onKey);
  }

  override render() {
    const path = this.full ? "M6 1v5H1M10 15v-5h5" : "M9 2h5v5M7 14H2V9";
    return html`<button
      aria-label=${this.full ? "Leave full page" : "Full page"}
      aria-description="Let this card fill the page. Escape puts it back." @click=${this.toggle}
    ><svg viewBox="0 0 16 16" aria-hidden="true"><path d=${path}></path></svg></button>`;
  }

  private get card(): HTMLElement {
    return (this.getRootNode() as ShadowRoot).host as HTMLElement;
  }

  /** Toggle in the browser's top layer, so that no ancestor clips the card. */
  private readonly toggle = (): void => {
    this.full = !this.full;
    const { card } = this;
    card.toggleAttribute("full", this.full);
    if (this.full) {
      card.popover = "manual";
      card.showPopover();
      document.addEventListener("keydown", this.onKey);
    } else {
      card.popover = null;
      document.removeEventListener("keydown", this.onKey);
    }
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    this.toggle();
    this.renderRoot.querySelector("button")?.focus();
  };
}

customElements.define("rg-full-button", RgFullButton);
