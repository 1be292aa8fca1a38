import { css, html, LitElement } from "lit";
import { WEIGHTS_AS, type WeightsAs } from "../state";
import { tell } from "./events";
import { type Option, select } from "./fields";
import { controls } from "./theme";

const NAMES: Record<WeightsAs, string> = {
  matrices: "matrices at a step",
  norms: "norms over training, by gate",
};

/** How weights are shown. */
export class RgWeightsBar extends LitElement {
  static override properties = { as: { type: String } };
  static override styles = [controls, css`:host { display: block; }`];

  declare as: WeightsAs;

  override render() {
    const options = WEIGHTS_AS.map((name): Option => [name, NAMES[name]]);
    return html`${select("weightsAs", "Show", options, this.as, (chosen) => tell(this, "rg-set", { weightsAs: chosen as WeightsAs }))}`;
  }
}

customElements.define("rg-weights-bar", RgWeightsBar);
