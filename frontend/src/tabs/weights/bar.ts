import { css, html, LitElement, nothing } from "lit";
import { controls } from "../../components/base/theme";
import { choose, type Option } from "../../components/controls/fields";
import type { WeightsAs } from "../../state/options";
import type { State } from "../../state/state";
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
    return html`
      ${choose(this.state, "weightsAs", "Show", SHOWN)}
      ${this.state.weightsAs === "norms" ? html`<rg-chart-bar .state=${this.state}></rg-chart-bar>` : nothing}
    `;
  }
}

customElements.define("rg-weights-bar", RgWeightsBar);
