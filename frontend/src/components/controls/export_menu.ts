import { css, html, LitElement, nothing } from "lit";
import { AS_SHOWN, type Figure } from "../../export/figure";
import type { Exports } from "../../export/menu";
import { orNull, within } from "../../state/codecs";
import { controls } from "../base/theme";
import { typed } from "./fields";
import { HELP, type Help } from "./help";

/** The width of a saved picture in pixels. */
const WIDTH = orNull(within(50, 20_000));

/** Saves what is shown as a picture or as numbers, or copies the Python that reads it. */
export class RgExportMenu extends LitElement {
  static override properties = {
    exports: { attribute: false },
    said: { state: true },
    figure: { state: true },
  };
  static override styles = [
    controls,
    css`
      :host { position: relative; display: inline-block; font-size: 12px; }
      summary { cursor: pointer; color: var(--rg-accent-text); list-style: none; }
      summary::-webkit-details-marker { display: none; }
      .menu {
        position: absolute; right: 0; z-index: 2; margin-top: 4px; display: flex; flex-direction: column; min-width: 150px;
        background: var(--rg-background); border: 1px solid var(--rg-border); border-radius: 4px; box-shadow: 0 2px 6px #0004;
      }
      .menu button { border: 0; border-radius: 0; text-align: left; }
      .said { padding: 6px 8px; max-width: 240px; color: var(--rg-muted); }
      .figure { padding: 6px 8px; border-top: 1px solid var(--rg-border); }
      .figure label { display: flex; align-items: center; gap: 6px; margin-top: 6px; white-space: nowrap; }
      .figure input[type="text"] { width: 130px; }
    `,
  ];

  declare exports: Exports;
  /** The result of the last choice, in words. */
  declare said: string;
  /** The settings for saved pictures. */
  declare figure: Figure;

  constructor() {
    super();
    this.said = "";
    this.figure = AS_SHOWN;
  }

  override render() {
    return html`
      <details @toggle=${this.onToggle} @keydown=${this.onKey}>
        <summary aria-description=${HELP.export}>Export</summary>
        <div class="menu">
          ${Object.entries(this.exports).map(
            ([name, act]) =>
              html`<button aria-description=${HELP[name as Help]} @click=${() => this.run(act)}>${name}</button>`,
          )}
          ${"SVG" in this.exports ? this.renderFigure() : nothing}
          ${this.said ? html`<div class="said" role="status">${this.said}</div>` : nothing}
        </div>
      </details>
    `;
  }

  private renderFigure() {
    const { title, width, bar, ticks } = this.figure;
    return html`<details class="figure" @toggle=${(event: Event) => event.stopPropagation()}>
      <summary aria-description=${HELP.figure}>Figure …</summary>
      <label>Title <input type="text" aria-description=${HELP.figureTitle} placeholder="as on the page" .value=${title} @change=${(event: Event) => this.choose({ title: textOf(event).trim() })} /></label>
      <label>Width <input type="text" aria-description=${HELP.figureWidth} class="number" inputmode="numeric" placeholder="as on the page" .value=${String(width ?? "")} @change=${this.onWidth} /> px</label>
      <label><input type="checkbox" aria-description=${HELP.figureBar} .checked=${bar} @change=${() => this.choose({ bar: !bar })} />colour bar</label>
      <label><input type="checkbox" aria-description=${HELP.figureTicks} .checked=${ticks} @change=${() => this.choose({ ticks: !ticks })} />ticks</label>
    </details>`;
  }

  private choose(change: Partial<Figure>): void {
    this.figure = { ...this.figure, ...change };
  }

  private onWidth(event: Event): void {
    const width = typed(WIDTH, textOf(event));
    if (width !== undefined) this.choose({ width });
    (event.target as HTMLInputElement).value = String(this.figure.width ?? "");
  }

  private async run(act: (figure: Figure) => Promise<string>): Promise<void> {
    this.said = "…";
    try {
      this.said = await act(this.figure);
    } catch (error) {
      this.said = `That failed: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  private onToggle(): void {
    this.said = "";
  }

  private onKey(event: KeyboardEvent): void {
    const details = event.currentTarget as HTMLDetailsElement;
    if (event.key !== "Escape" || !details.open) return;
    details.open = false;
    details.querySelector("summary")?.focus();
    event.stopPropagation();
  }
}

function textOf(event: Event): string {
  return (event.target as HTMLInputElement).value;
}

customElements.define("rg-export-menu", RgExportMenu);
