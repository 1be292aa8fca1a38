import { html, LitElement } from "lit";
import type { Scale } from "../../colour/scale";
import { type Cursor, emit } from "../../components/base/events";
import type { Line } from "../../components/line_plot/uplot_options";
import "../../components/line_plot/line_plot";

/** One row of Jacobians, the state at one t, as curves over s. The page's cursor is at (row, s). */
export class RgJacobianRow extends LitElement {
  static override properties = {
    row: { type: Number },
    heading: { type: String },
    axis: { type: String },
    lines: { attribute: false },
    timesteps: { type: Number },
    scale: { attribute: false },
    boundaries: { attribute: false },
    cursor: { attribute: false },
    dark: { type: Boolean },
  };

  declare row: number;
  /** Which state the row belongs to, in words. */
  declare heading: string;
  /** What s is, in words. */
  declare axis: string;
  declare lines: Line[];
  /** The number of timesteps s. */
  declare timesteps: number;
  declare scale: Scale;
  declare boundaries: number[];
  declare cursor: Cursor | null;
  declare dark: boolean;

  override render() {
    const s = this.cursor?.c ?? null;
    return html`<rg-curve
      heading="${this.heading}: log₁₀ norm over ${this.axis}" .channel=${null} axis=${this.axis} gap="exact 0, or padding"
      .lines=${this.lines} .xs=${null} .span=${[0, this.timesteps]} .scale=${this.scale} .boundaries=${this.boundaries}
      .cursor=${s === null ? null : { t: s, c: null }} .dark=${this.dark} @rg-cursor=${this.onCursor}
    ></rg-curve>`;
  }

  private onCursor(event: CustomEvent<Cursor | null>): void {
    event.stopPropagation();
    emit(this, "rg-cursor", event.detail && { t: this.row, c: event.detail.t });
  }
}

customElements.define("rg-jacobian-row", RgJacobianRow);
