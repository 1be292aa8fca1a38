import { css, html, LitElement } from "lit";
import { emit } from "../base/events";
import { controls } from "../base/theme";
import { HELP } from "./help";

/** The message in place of a picture: loading, an error with Retry, or nothing logged. */
export class RgMessage extends LitElement {
  static override properties = {
    heading: { type: String },
    retry: { type: Boolean },
    busy: { type: Boolean },
  };
  static override styles = [
    controls,
    css`
      :host { display: block; padding: 24px; max-width: 720px; }
      h2 { font-size: 16px; font-weight: 500; margin: 0 0 8px; }
      .body { color: var(--rg-muted); }
      button { margin-top: 12px; }
    `,
  ];

  declare heading: string;
  declare retry: boolean;
  declare busy: boolean;

  override render() {
    return html`
      <div role=${this.retry ? "alert" : "status"} aria-busy=${this.busy ? "true" : "false"}>
        <h2>${this.heading}</h2>
        <div class="body"><slot></slot></div>
        ${this.retry ? html`<button aria-description=${HELP.retry} @click=${() => emit(this, "rg-retry", undefined)}>Retry</button>` : ""}
      </div>
    `;
  }
}

customElements.define("rg-message", RgMessage);
