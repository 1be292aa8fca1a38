import { css, html, nothing } from "lit";
import { breakable } from "../../components/base/breakable";
import { SizedElement } from "../../components/base/sized";
import { card, controls } from "../../components/base/theme";
import type { RgCard } from "../../components/heatmap/card";
import { renderSymbol } from "../../components/heatmap/symbol";
import { ofPicture, type Pictured } from "../../export/menu";
import { joined } from "../../export/numbers";
import { svgGrid } from "../../export/picture";
import "../../components/controls/export_menu";
import "../../components/controls/full_button";
import "../../components/controls/pin_button";
import type { Series } from "../../data/series";

/** Pictures of one tag of one run in columns under one heading, which are saved as one figure. */
export class RgMultiples extends SizedElement implements Pictured {
  static override properties = {
    series: { attribute: false },
    colour: { type: String },
    step: { type: Number },
    wanted: { type: Number },
    words: { type: String },
    columns: { type: Number },
    pinned: { type: Boolean },
  };
  static override styles = [
    controls,
    card,
    css`
      ::slotted(rg-card:not([full])) { border: 0; padding: 0; }
      ::slotted([wide]) { grid-column: 1 / -1; }
      .grid { display: grid; gap: 8px; margin-top: 8px; }
    `,
  ];

  declare series: Series;
  declare colour: string;
  declare step: number;
  /** The slider's step. */
  declare wanted: number;
  /** What the pictures show, in words: "each of 4 kept samples". */
  declare words: string;
  /** The number of columns; null for as many as fit. */
  declare columns: number | null;
  /** Whether it is shown first. */
  declare pinned: boolean;

  override render() {
    const { run, tag, entry } = this.series;
    const columns = this.columns ?? "auto-fill";
    return html`
      <header>
        <span class="swatch" style="background:${this.colour}"></span>
        <h3>${breakable(run)}</h3>
        <span class="step number">step ${this.step} ${
          this.step === this.wanted ? nothing : html`<span class="muted">(nearest to ${this.wanted})</span>`
        }</span>
        <rg-full-button></rg-full-button>
        <rg-pin-button .series=${this.series} .pinned=${this.pinned}></rg-pin-button>
        <rg-export-menu .exports=${this.exports}></rg-export-menu>
      </header>
      <p class="muted">${breakable(tag)} · ${entry.metadata.title} ${renderSymbol(entry.metadata.symbol)}, ${this.words}</p>
      <div class="grid" style="grid-template-columns: repeat(${columns}, minmax(${this.columns ? "0" : "min(100%, 260px)"}, 1fr))">
        <slot></slot>
      </div>
    `;
  }

  private get exports() {
    const { run, tag, entry } = this.series;
    const name = joined(run, tag, `step${this.step}`, "samples");
    return ofPicture(
      name,
      `${run}, ${tag}, ${entry.metadata.title}, step ${this.step}, ${this.words}`,
      () => this,
    );
  }

  /** All pictures in their columns as SVG, including those out of view. */
  async asSvg(caption: string): Promise<string> {
    const cards = [...this.querySelectorAll<RgCard>("rg-card")];
    const pictures: string[] = [];
    for (const card of cards) pictures.push(...(await card.smallPicture()));
    const columns = cards.filter(({ offsetTop }) => offsetTop === cards[0].offsetTop).length;
    return svgGrid(pictures, columns, caption, cards[0]);
  }
}

customElements.define("rg-multiples", RgMultiples);
