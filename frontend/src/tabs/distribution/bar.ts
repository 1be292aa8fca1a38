import { css, html, LitElement } from "lit";
import { controls } from "../../components/base/theme";
import { choose } from "../../components/controls/fields";
import { OVER_STEPS, type OverSteps } from "../../state/options";
import type { State } from "../../state/state";
import { renderHistogramFields } from "../shared/histogram_fields";

const NOTES: Record<OverSteps, string> = {
  ridgelines:
    "Over training the first step is in the back, above; the last in front. Heights are shares of all values.",
  heatmap:
    "Over training the first step is above. The brighter, the larger the share of all values (square root); empty bins are blank.",
};

/** Controls for the bins that count values, and for how histograms are drawn. */
export class RgDistributionBar extends LitElement {
  static override properties = { state: { attribute: false } };
  static override styles = [
    controls,
    css`:host { display: flex; flex-wrap: wrap; gap: 8px 14px; align-items: center; }`,
  ];

  declare state: Readonly<State>;

  override render() {
    const { state } = this;
    const forms = OVER_STEPS.map((form) => [form, form] as const);
    return html`
      ${choose(state, "overSteps", "Over training as", forms)}
      ${renderHistogramFields(state)}
      <span class="muted">Drag the limits of the colour range; what lies beyond is shaded. ${NOTES[state.overSteps]}</span>
    `;
  }
}

customElements.define("rg-distribution-bar", RgDistributionBar);
