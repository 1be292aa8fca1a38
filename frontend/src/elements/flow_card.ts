import { css, html, LitElement, nothing } from "lit";
import type { Exports } from "../exports";
import { breakable } from "./breakable";
import "./export_menu";
import { fullHeight } from "./full_button";
import { card, controls } from "./theme";

/** A map of a flow under its heading. */
export class RgFlowCard extends LitElement {
  static override properties = {
    heading: { type: String },
    colour: { type: String },
    about: { attribute: false },
    exports: { attribute: false },
    body: { attribute: false },
    full: { type: Boolean },
  };
  static override styles = [controls, card, css`header rg-full-button { margin-left: auto; }`];

  declare heading: string;
  /** The run's; empty: it is of several. */
  declare colour: string;
  /** What it is of, in words. */
  declare about: unknown;
  declare exports: Exports | undefined;
  /** What stands below, its map at least so many pixels high. */
  declare body: (tall: number) => unknown;
  /** Whether it fills the page. */
  declare full: boolean;

  override render() {
    return html`
      <header>
        ${this.colour ? html`<span class="swatch" style="background:${this.colour}"></span>` : nothing}
        <h3>${breakable(this.heading)}</h3>
        <rg-full-button></rg-full-button>
        ${this.exports ? html`<rg-export-menu .exports=${this.exports}></rg-export-menu>` : nothing}
      </header>
      <p class="muted">${this.about}</p>
      ${this.body(this.full ? fullHeight() : 0)}
    `;
  }
}

customElements.define("rg-flow-card", RgFlowCard);
