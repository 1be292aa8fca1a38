import { css, html, LitElement, nothing } from "lit";
import type { Exports } from "../exports";
import { controls } from "./theme";

/** Saves what is shown, as a picture or in numbers, or copies the Python that reads it. */
export class RgExportMenu extends LitElement {
  static override properties = { exports: { attribute: false }, said: { state: true } };
  static override styles = [
    controls,
    css`
      :host { position: relative; display: inline-block; font-size: 12px; }
      summary { cursor: pointer; color: var(--rg-accent-text); list-style: none; }
      summary::-webkit-details-marker { display: none; }
      .menu {
        position: absolute; right: 0; z-index: 2; margin-top: 4px; display: flex; flex-direction: column; min-width: 132px;
        background: var(--rg-background); border: 1px solid var(--rg-border); border-radius: 4px; box-shadow: 0 2px 6px #0004;
      }
      .menu button { border: 0; border-radius: 0; text-align: left; }
      .said { padding: 6px 8px; color: var(--rg-muted); }
    `,
  ];

  declare exports: Exports;
  /** What became of the last choice, in words. */
  declare said: string;

  constructor() {
    super();
    this.said = "";
  }

  override render() {
    return html`
      <details @toggle=${() => (this.said = "")} @keydown=${this.onKey}>
        <summary>Export</summary>
        <div class="menu">
          ${Object.entries(this.exports).map(
            ([name, act]) => html`<button @click=${() => this.run(act)}>${name}</button>`,
          )}
          ${this.said ? html`<div class="said" role="status">${this.said}</div>` : nothing}
        </div>
      </details>
    `;
  }

  private async run(act: () => Promise<string>): Promise<void> {
    this.said = "…";
    try {
      this.said = await act();
    } catch (error) {
      this.said = `That failed: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  private onKey(event: KeyboardEvent): void {
    const details = event.currentTarget as HTMLDetailsElement;
    if (event.key !== "Escape" || !details.open) return;
    details.open = false;
    details.querySelector("summary")?.focus();
    event.stopPropagation();
  }
}

customElements.define("rg-export-menu", RgExportMenu);
