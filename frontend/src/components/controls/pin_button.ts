import { css, html, LitElement } from "lit";
import type { Series } from "../../data/series";
import { emit } from "../base/events";
import { controls } from "../base/theme";

/** A button that moves a card to the front. */
export class RgPinButton extends LitElement {
  static override properties = { series: { attribute: false }, pinned: { type: Boolean } };
  static override styles = [
    controls,
    css`
      :host { flex: none; line-height: 0; }
      button { border: 0; background: none; width: 24px; height: 24px; padding: 4px; color: var(--rg-muted); }
      path { fill: none; stroke: currentColor; stroke-width: 1.5; stroke-linejoin: round; stroke-linecap: round; }
      button[aria-pressed="true"] path { fill: currentColor; }
    `,
  ];

  declare series: Series;
  declare pinned: boolean;

  override render() {
    const { run, tag } = this.series;
    return html`<button
      aria-label="Pin ${run}: ${tag}" aria-pressed=${this.pinned ? "true" : "false"}
      title=${this.pinned ? "Pinned: stands first. Click to unpin" : "Pin: let this card stand first"}
      @click=${() => emit(this, "rg-pin-card", [run, tag])}
    >
      <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true"><path d="M5.5 2h5l-.7 4.2 2.2 2.3H4l2.2-2.3zM8 8.500v5.500"></path></svg>
    </button>`;
  }
}

customElements.define("rg-pin-button", RgPinButton);
