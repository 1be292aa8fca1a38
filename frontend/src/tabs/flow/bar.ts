import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { emit } from "../../components/base/events";
import { controls } from "../../components/base/theme";
import { isShown, moreButton, type Option, select } from "../../components/controls/fields";
import type { FlowAxis } from "../../maths/flow/flow";
import {
  drawnStatistic,
  FLOW_STATISTIC_NAMES,
  FLOW_STATISTICS,
  type FlowStatisticName,
  RELATIVE,
} from "../../maths/flow/statistics";
import type { FlowShow, State } from "../../state/state";
import "../../components/controls/bptt_field";
import type { Series } from "../../data/series";

const AXES: Option[] = [
  ["timestep", "timesteps"],
  ["lag", "lags"],
];
const VALUES: Option[] = [
  ["true", RELATIVE],
  ["false", "absolute"],
];
const SHOWS: Option[] = [
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
    const { state } = this;
    const { flowAxis, flowOf, flowRelative, flowShow, bptt } = state;
    const held = FLOW_STATISTIC_NAMES.filter(
      (name) => flowAxis === "timestep" || FLOW_STATISTICS[name].byLag,
    );
    const several = this.series.length > 1;
    const isRatio = several && flowShow === "difference";
    return html`
      ${select(
        "flowOf",
        "Of",
        held.map((name): Option => [name, FLOW_STATISTICS[name].name]),
        held.includes(flowOf) ? flowOf : "norm",
        (value) => this.set({ flowOf: value as FlowStatisticName }),
      )}
      ${select("flowAxis", "Over", AXES, flowAxis, (value) => this.set({ flowAxis: value as FlowAxis }))}
      ${
        drawnStatistic(flowOf, flowAxis).sized && !isRatio
          ? select("flowRelative", "Values", VALUES, String(flowRelative), (value) =>
              this.set({ flowRelative: value === "true" }),
            )
          : nothing
      }
      ${
        several
          ? select("flowShow", "Show", SHOWS, flowShow, (value) => this.set({ flowShow: value as FlowShow }))
          : nothing
      }
      ${isRatio ? this.renderPair() : nothing}
      ${isShown(state, "bptt") ? html`<rg-bptt-field .window=${bptt}></rg-bptt-field>` : nothing}
      ${moreButton(state)}
    `;
  }

  private renderPair(): TemplateResult[] {
    const pair = comparedSeries(this.state, this.series);
    const options = this.series.map(({ run, tag }, i): Option => [String(i), `${run}: ${tag}`]);
    return (["a", "b"] as const).map((side, i) =>
      select(side, side.toUpperCase(), options, String(this.series.indexOf(pair[i])), (value) => {
        const { run, tag } = this.series[Number(value)];
        this.set({ [side]: [run, tag] });
      }),
    );
  }

  private set(change: Partial<State>): void {
    emit(this, "rg-set", change);
  }
}

/** A and B: the chosen series, else the first two. */
export function comparedSeries({ a, b }: State, series: readonly Series[]): [Series, Series] {
  const find = (name: State["a"]) => series.find(({ run, tag }) => run === name?.[0] && tag === name[1]);
  const one = find(a) ?? series[0];
  return [one, find(b) ?? series.find((other) => other !== one) ?? one];
}

customElements.define("rg-flow-bar", RgFlowBar);
