import { css, html, LitElement, nothing } from "lit";
import { emit } from "../../components/base/events";
import { controls } from "../../components/base/theme";
import { type Option, select } from "../../components/controls/fields";
import { type State, WEIGHTS_AS, type WeightsAs } from "../../state/state";
import "../../components/line_plot/chart_bar";

const NAMES: Record<WeightsAs, string> = {
  matrices: "matrices at a step",
  norms: "norms over training, by gate",
};

/** Controls for how weights are shown. */
export class RgWeightsBar extends LitElement {
  static override properties = { state: { attribute: false } };
  static override styles = [
    controls,
    css`:host { display: flex; flex-wrap: wrap; gap: 6px 16px; align-items: center; } rg-chart-bar { margin: 0; }`,
  ];

  declare state: Readonly<State>;

  override render() {
    const { weightsAs } = this.state;
    const options = WEIGHTS_AS.map((name): Option => [name, NAMES[name]]);
    return html`
      ${select("weightsAs", "Show", options, weightsAs, (chosen) => emit(this, "rg-set", { weightsAs: chosen as WeightsAs }))}
      ${weightsAs === "norms" ? html`<rg-chart-bar .state=${this.state}></rg-chart-bar>` : nothing}
    `;
  }
}

customElements.define("rg-weights-bar", RgWeightsBar);
