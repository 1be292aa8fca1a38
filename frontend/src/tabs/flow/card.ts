import { css, html, LitElement, nothing } from "lit";
import { breakable } from "../../components/base/breakable";
import type { Exports } from "../../export/menu";
import "../../components/controls/export_menu";
import "../../components/controls/full_button";
import { card, controls } from "../../components/base/theme";
import { chosenHeight } from "../../components/controls/resize_handle";

/** A map of a flow under its heading. */
export class RgFlowCard extends LitElement {
  static override properties = {
    heading: { type: String },
    colour: { type: String },
    about: { attribute: false },
    exports: { attribute: false },
    body: { attribute: false },
    natural: { type: Number },
    full: { type: Boolean },
    resized: { state: true },
  };
  static override styles = [controls, card, css`header rg-full-button { margin-left: auto; }`];

  declare heading: string;
  /** The run's colour; empty if the card shows several runs. */
  declare colour: string;
  /** What the card shows, in words. */
  declare about: unknown;
  declare exports: Exports | undefined;
  /** Renders the content below the heading, with a map of the given height in pixels; 0 for its natural height. */
  declare body: (tall: number) => unknown;
  /** The natural height of the map. */
  declare natural: number;
  /** Whether it fills the page. */
  declare full: boolean;
  /** The height that the user chose for its picture; 0 if none. */
  declare resized: number;

  constructor() {
    super();
    this.full = false;
    this.resized = 0;
  }

  override render() {
    return html`
      <header>
        ${this.colour ? html`<span class="swatch" style="background:${this.colour}"></span>` : nothing}
        <h3>${breakable(this.heading)}</h3>
        <rg-full-button></rg-full-button>
        ${this.exports ? html`<rg-export-menu .exports=${this.exports}></rg-export-menu>` : nothing}
      </header>
      <p class="muted">${this.about}</p>
      ${this.body(chosenHeight(this))}
      <rg-resize-handle of="${this.heading} ${this.about}" .natural=${this.natural} ?hidden=${this.full}></rg-resize-handle>
    `;
  }
}

customElements.define("rg-flow-card", RgFlowCard);
