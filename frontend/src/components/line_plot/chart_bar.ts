import { css, html, LitElement } from "lit";
import { MOST_SMOOTHING, X_AXES, X_AXIS_NAMES, type XAxis } from "../../maths/over_training";
import type { State } from "../../state/state";
import { emit } from "../base/events";
import { controls } from "../base/theme";
import { choose, type Option } from "../controls/fields";
import { HELP } from "../controls/help";

const AXES = X_AXES.map((name): Option<XAxis> => [name, X_AXIS_NAMES[name]]);

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
    const { smoothing } = this.state;
    return html`
      <span class="field">
        <label for="smoothing">Smoothing</label>
        <input
          id="smoothing" type="range" min="0" max=${MOST_SMOOTHING} step="0.01" aria-description=${HELP.smoothing}
          .value=${String(smoothing)} @input=${this.onSmoothing}
        /><output class="number" for="smoothing">${smoothing}</output>
      </span>
      ${choose(this.state, "xAxis", "Horizontal axis", AXES)}
    `;
  }

  private onSmoothing(event: Event): void {
    emit(this, "rg-set", { smoothing: (event.target as HTMLInputElement).valueAsNumber });
  }
}

customElements.define("rg-chart-bar", RgChartBar);
