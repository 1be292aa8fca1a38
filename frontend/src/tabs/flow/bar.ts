import { css, html, LitElement, nothing } from "lit";
import { controls } from "../../components/base/theme";
import { choose, chooseCompared, moreButton, type Option, rare } from "../../components/controls/fields";
import type { FlowAxis } from "../../maths/flow/flow";
import {
  drawnStatistic,
  FLOW_STATISTIC_NAMES,
  FLOW_STATISTICS,
  type FlowStatisticName,
  RELATIVE,
} from "../../maths/flow/statistics";
import { comparedSeries } from "../../state/choices";
import type { FlowShow } from "../../state/options";
import type { State } from "../../state/state";
import "../../components/controls/bptt_field";
import type { Series } from "../../data/series";

const AXES: Option<FlowAxis>[] = [
  ["timestep", "timesteps"],
  ["lag", "lags"],
];
const VALUES: Option<boolean>[] = [
  [true, RELATIVE],
  [false, "absolute"],
];
const SHOWS: Option<FlowShow>[] = [
  ["maps", "each run's map"],
  ["difference", "log₁₀ A / B"],
];

/** Controls for how flows are drawn: over timesteps or lags, side by side or as a ratio, and with which window. */
export class RgFlowBar extends LitElement {
  static override properties = { state: { attribute: false }, series: { attribute: false } };
  static override styles = [
    controls,
    css`
      :host { display: flex; flex-wrap: wrap; gap: 6px 16px; align-items: center; margin-bottom: 6px; }
      select { max-width: 240px; }
    `,
  ];

  declare state: State;
  declare series: Series[];

  override render() {
    const { state, series } = this;
    const { flowAxis, flowOf, flowShow, bptt } = state;
    const held = FLOW_STATISTIC_NAMES.filter(
      (name) => flowAxis === "timestep" || FLOW_STATISTICS[name].byLag,
    );
    const several = series.length > 1;
    const isRatio = several && flowShow === "difference";
    return html`
      ${choose(
        state,
        "flowOf",
        "Of",
        held.map((name): Option<FlowStatisticName> => [name, FLOW_STATISTICS[name].name]),
        held.includes(flowOf) ? flowOf : "norm",
      )}
      ${choose(state, "flowAxis", "Over", AXES)}
      ${drawnStatistic(flowOf, flowAxis).sized && !isRatio ? choose(state, "flowRelative", "Values", VALUES) : nothing}
      ${several ? choose(state, "flowShow", "Show", SHOWS) : nothing}
      ${isRatio ? chooseCompared(series, comparedSeries(state, series)) : nothing}
      ${rare(state, "bptt", html`<rg-bptt-field .window=${bptt}></rg-bptt-field>`)}
      ${moreButton(state)}
    `;
  }
}

customElements.define("rg-flow-bar", RgFlowBar);
