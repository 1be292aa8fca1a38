import { css, html, LitElement } from "lit";
import { OVER_STEPS, type OverSteps } from "../state";
import { tell } from "./events";
import { controls } from "./theme";

const NAMES: Record<OverSteps, string> = { ridgelines: "ridgelines", heatmap: "heatmap" };
const NOTES: Record<OverSteps, string> = {
  ridgelines: "The first step in the back, above; the last in front. Heights are shares of all values.",
  heatmap:
    "The first step above. The brighter, the larger the share of all values (square root); empty bins are blank.",
};

/** How histograms over steps are drawn. */
export class RgDistributionBar extends LitElement {
  static override properties = { overSteps: { type: String } };
  static override styles = [
    controls,
    css`:host { display: flex; flex-wrap: wrap; gap: 8px 14px; align-items: center; }`,
  ];

  declare overSteps: OverSteps;

  override render() {
    return html`
      <label for="overSteps">Over training as</label>
      <select id="overSteps" @change=${this.onChange}>
        ${OVER_STEPS.map((name) => html`<option value=${name} .selected=${name === this.overSteps}>${NAMES[name]}</option>`)}
      </select>
      <span class="muted">
        Bins are equally wide on the scale. Drag the limits of the colour range; shaded values have the colours of its ends.
        ${NOTES[this.overSteps]}
      </span>
    `;
  }

  private onChange(event: Event): void {
    tell(this, "rg-set", { overSteps: (event.target as HTMLSelectElement).value as OverSteps });
  }
}

customElements.define("rg-distribution-bar", RgDistributionBar);
