import { css, html, LitElement } from "lit";
import { controls } from "../../components/base/theme";
import { choose, type Option } from "../../components/controls/fields";
import type { WeightsAs } from "../../state/options";
import type { State } from "../../state/state";
import { renderHistogramFields } from "../shared/histogram_fields";
import "../../components/line_plot/chart_bar";

const SHOWN: Option<WeightsAs>[] = [
  ["matrices", "matrices at a step"],
  ["norms", "norms over training, by gate"],
];

/** Controls for how weights are shown. */
export class RgWeightsBar extends LitElement {
  static override properties = { state: { attribute: false } };
  static override styles = [
    controls,
    css`:host { display: flex; flex-wrap: wrap; gap: 6px 16px; align-items: center; } rg-chart-bar { margin: 0; }`,
  ];

  declare state: Readonly<State>;

  override render() {
    const { state } = this;
    return html`
      ${choose(state, "weightsAs", "Show", SHOWN)}
      ${state.weightsAs === "norms" ? html`<rg-chart-bar .state=${state}></rg-chart-bar>` : renderHistogramFields(state)}
    `;
  }
}

customElements.define("rg-weights-bar", RgWeightsBar);
