import { css, html, LitElement, nothing } from "lit";
import { copyText, save } from "../clipboard";
import { fetchLogdir, fetchTensor } from "../data/api";
import type { Window } from "../data/pool";
import type { Tensor } from "../data/types";
import { isWhole } from "../model";
import { channelsAt, csv, fileName, npy, pick, python } from "../views/export";
import type { Order } from "../views/order";
import { controls } from "./theme";

/** Where the picture comes from: the heatmap's own parts. */
export interface Pictured {
  asSvg(caption: string): string;
  asPng(caption: string): Promise<Blob>;
}

/** Saves what a card shows: the picture, or its numbers in full; or copies the Python that reads them. */
export class RgExportMenu extends LitElement {
  static override properties = {
    tensor: { attribute: false },
    window: { attribute: false },
    order: { attribute: false },
    caption: { type: String },
    said: { state: true },
  };
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

  declare tensor: Tensor;
  /** What is seen of it. */
  declare window: Window;
  /** The order of its channels; null: by their numbers. */
  declare order: Order | null;
  declare caption: string;
  /** What became of the last choice, in words. */
  declare said: string;
  /** Set by the card. */
  picture: () => Pictured | null = () => null;

  constructor() {
    super();
    this.said = "";
  }

  override render() {
    const name = fileName(this.tensor.request);
    return html`
      <details @toggle=${() => (this.said = "")} @keydown=${this.onKey}>
        <summary>Export</summary>
        <div class="menu">
          ${this.item("PNG", async () => save(`${name}.png`, await this.pictured().asPng(this.caption), "image/png"))}
          ${this.item("SVG", async () => save(`${name}.svg`, this.pictured().asSvg(this.caption), "image/svg+xml"))}
          ${this.item("CSV", async () => save(`${name}.csv`, csv(await this.numbers(), this.channels), "text/csv"))}
          ${this.item("NPY", async () => save(`${name}.npy`, npy(await this.numbers()), "application/octet-stream"))}
          ${this.item("Copy as Python", async () => copyText(python(this.tensor.request, this.shownPart(), this.order, await fetchLogdir())), "Copied.")}
          ${this.said ? html`<div class="said" role="status">${this.said}</div>` : nothing}
        </div>
      </details>
    `;
  }

  private item(label: string, action: () => Promise<void>, done = "Saved.") {
    return html`<button @click=${() => this.run(action, done)}>${label}</button>`;
  }

  private async run(action: () => Promise<void>, done: string): Promise<void> {
    this.said = "…";
    try {
      await action();
      this.said = done;
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

  private pictured(): Pictured {
    const picture = this.picture();
    if (!picture) throw new Error("there is no picture yet");
    return picture;
  }

  /** The window, where it is not everything. */
  private shownPart(): Window | null {
    const { c0, c1, t0, t1 } = this.window;
    const all = c0 === 0 && t0 === 0 && c1 === this.tensor.channels && t1 === this.tensor.timesteps;
    return all ? null : this.window;
  }

  /** The channels that are seen, in their order. */
  private get channels(): number[] {
    return channelsAt(this.window, this.order);
  }

  /** Every cell that is seen, none pooled. */
  private async numbers(): Promise<Tensor> {
    const { tensor, window, order } = this;
    if (this.shownPart() === null && isWhole(tensor)) return order ? pick(tensor, this.channels) : tensor;
    if (!order) return fetchTensor({ ...tensor.request, window, pooled: null });
    const everyChannel = { ...window, c0: 0, c1: tensor.channels };
    return pick(await fetchTensor({ ...tensor.request, window: everyChannel, pooled: null }), this.channels);
  }
}

customElements.define("rg-export-menu", RgExportMenu);
