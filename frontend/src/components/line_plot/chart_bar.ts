import { css, html, LitElement } from "lit";
import { MOST_SMOOTHING, X_AXES, X_AXIS_NAMES, type XAxis } from "../../maths/over_training";
import type { State } from "../../state/state";
import { emit } from "../base/events";
import { controls } from "../base/theme";
import { type Option, select } from "../controls/fields";
import { HELP } from "../controls/help";

/** Controls for all charts over training: the smoothing and the horizontal axis. */
export class RgChartBar extends LitElement {
  static override properties = { state: { attribute: false } };
  static override styles = [
    controls,
    css`
      :host { display: flex; flex-wrap: wrap; gap: 6px 16px; align-items: center; margin-bottom: 8px; }
      input { width: 110px; accent-color: var(--rg-accent); }
      output { min-width: 28px; }
    `,
  ];

  declare state: Readonly<State>;

  override render() {
    const { smoothing, xAxis } = this.state;
    const axes = X_AXES.map((name): Option => [name, X_AXIS_NAMES[name]]);
    return html`
      <span class="field">
        <label for="smoothing">Smoothing</label>
        <input
          id="smoothing" type="range" min="0" max=${MOST_SMOOTHING} step="0.01" aria-description=${HELP.smoothing}
          .value=${String(smoothing)} @input=${this.onSmoothing}
        /><output class="number" for="smoothing">${smoothing}</output>
      </span>
      ${select("xAxis", "Horizontal axis", axes, xAxis, (chosen) => emit(this, "rg-set", { xAxis: chosen as XAxis }))}
    `;
  }

  private onSmoothing(event: Event): void {
    emit(this, "rg-set", { smoothing: (event.target as HTMLInputElement).valueAsNumber });
  }
}

customElements.define("rg-chart-bar", RgChartBar);
