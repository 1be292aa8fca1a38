import { css, html, LitElement } from "lit";
import { controls } from "../../components/base/theme";
import { choose, type Option, rare } from "../../components/controls/fields";
import { BIN_COUNTS, type BinAxes, OVER_STEPS, type OverSteps, PEAKS } from "../../state/options";
import type { State } from "../../state/state";

const NOTES: Record<OverSteps, string> = {
  ridgelines:
    "Over training the first step is in the back, above; the last in front. Heights are shares of all values.",
  heatmap:
    "Over training the first step is above. The brighter, the larger the share of all values (square root); empty bins are blank.",
};
const AXES: Option<BinAxes>[] = [
  ["shared", "shared"],
  ["run", "free: each run's own"],
  ["gate", "free: each gate's own"],
];

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
    return html`
      ${choose(state, "overSteps", "Over training as", OVER_STEPS.map(named))}
      ${rare(state, "bins", choose(state, "bins", "Bins", BIN_COUNTS.map(named)))}
      ${rare(state, "peaks", choose(state, "peaks", "Peaks", PEAKS.map(cut)))}
      ${rare(state, "binAxes", choose(state, "binAxes", "Axes", AXES))}
      <span class="muted">Drag the limits of the colour range; what lies beyond is shaded. ${NOTES[state.overSteps]}</span>
    `;
  }
}

function named<Value extends string | number>(value: Value): Option<Value> {
  return [value, String(value)];
}

function cut<Share extends number>(share: Share): Option<Share> {
  return [share, share === 1 ? "whole" : `cut at ${100 * share} % of the highest`];
}

customElements.define("rg-distribution-bar", RgDistributionBar);
