import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import type { Series } from "../choices";
import type { FlowShow, State } from "../state";
import type { FlowAxis } from "../views/flow";
import { FLOW_STATISTIC_NAMES, FLOW_STATISTICS, type FlowStatisticName } from "../views/flow_statistics";
import { tell } from "./events";
import { controls } from "./theme";
import "./bptt_field";

/** How flows are drawn: over timesteps or lags, side by side or their ratio, with what window. */
export class RgFlowBar extends LitElement {
  static override properties = { state: { attribute: false }, series: { attribute: false } };
  static override styles = [
    controls,
    css`
      :host { display: flex; flex-wrap: wrap; gap: 6px 16px; align-items: center; margin-bottom: 6px; }
      span { display: inline-flex; align-items: center; gap: 6px; }
      select { max-width: 240px; }
    `,
  ];

  declare state: State;
  declare series: Series[];

  override render() {
    const { flowAxis, flowOf, flowShow, bptt } = this.state;
    const held = FLOW_STATISTIC_NAMES.filter(
      (name) => flowAxis === "timestep" || FLOW_STATISTICS[name].byLag,
    );
    return html`
      ${choice(
        "flowOf",
        "Of",
        held.map((name) => [name, FLOW_STATISTICS[name].name]),
        held.includes(flowOf) ? flowOf : "norm",
        (value) => this.set({ flowOf: value as FlowStatisticName }),
      )}
      ${choice(
        "flowAxis",
        "Over",
        [
          ["timestep", "timesteps"],
          ["lag", "lags"],
        ],
        flowAxis,
        (value) => this.set({ flowAxis: value as FlowAxis }),
      )}
      ${
        this.series.length > 1
          ? choice(
              "flowShow",
              "Show",
              [
                ["maps", "each run's map"],
                ["difference", "log₁₀ A / B"],
              ],
              flowShow,
              (value) => this.set({ flowShow: value as FlowShow }),
            )
          : nothing
      }
      ${flowShow === "difference" && this.series.length > 1 ? this.renderPair() : nothing}
      <rg-bptt-field .window=${bptt}></rg-bptt-field>
    `;
  }

  private renderPair(): TemplateResult[] {
    const pair = comparedSeries(this.state, this.series);
    const options = this.series.map(({ run, tag }, i): [string, string] => [String(i), `${run}: ${tag}`]);
    return (["a", "b"] as const).map((side, i) =>
      choice(side, side.toUpperCase(), options, String(this.series.indexOf(pair[i])), (value) => {
        const { run, tag } = this.series[Number(value)];
        this.set({ [side]: [run, tag] });
      }),
    );
  }

  private set(change: Partial<State>): void {
    tell(this, "rg-set", change);
  }
}

/** A and B: the chosen ones, else the first two. */
export function comparedSeries({ a, b }: State, series: readonly Series[]): [Series, Series] {
  const find = (name: State["a"]) => series.find(({ run, tag }) => run === name?.[0] && tag === name[1]);
  const one = find(a) ?? series[0];
  return [one, find(b) ?? series.find((other) => other !== one) ?? one];
}

function choice(
  id: string,
  label: string,
  options: [value: string, label: string][],
  chosen: string,
  change: (value: string) => void,
) {
  return html`<span>
    <label for=${id}>${label}</label>
    <select id=${id} @change=${(event: Event) => change((event.target as HTMLSelectElement).value)}>
      ${options.map(([value, text]) => html`<option value=${value} .selected=${value === chosen}>${text}</option>`)}
    </select>
  </span>`;
}

customElements.define("rg-flow-bar", RgFlowBar);
