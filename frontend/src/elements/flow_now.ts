import { css, html, LitElement } from "lit";
import type { Scale } from "../colour/scale";
import { seriesNames } from "../courses";
import type { Window } from "../data/pool";
import { atStep, boundaries, type FlowAxis, fittedNorms, fitWords, OF_AXIS } from "../views/flow";
import { indexOf } from "../views/flow_map";
import { FLOW_STATISTICS, type FlowStatistic, reader } from "../views/flow_statistics";
import type { Line } from "./curve_plot";
import { type Cursor, type FlowPoint, tell } from "./events";
import type { Drawn } from "./flow_view";
import { controls } from "./theme";
import "./curve";

const FITTED = [5, 4];

/** A statistic of one step against timestep or lag; of norms with quantiles over samples and the exponential fitted. */
export class RgFlowNow extends LitElement {
  static override properties = {
    drawn: { attribute: false },
    axis: { type: String },
    of: { attribute: false },
    scale: { attribute: false },
    step: { type: Number },
    bptt: { attribute: false },
    window: { attribute: false },
    point: { attribute: false },
    dark: { type: Boolean },
  };
  static override styles = [
    controls,
    css`
      :host { display: block; min-width: 0; }
      ul { list-style: none; margin: 6px 0 0; padding: 0; font-size: 12px; }
      i { display: inline-block; width: 8px; height: 8px; border-radius: 50%; margin-right: 4px; }
    `,
  ];

  declare drawn: Drawn[];
  declare axis: FlowAxis;
  declare of: FlowStatistic;
  declare scale: Scale;
  /** The slider's step. */
  declare step: number;
  /** Timesteps in a window of truncated backpropagation through time. */
  declare bptt: number | null;
  /** What the maps show: rows, and training steps. */
  declare window: Window | null;
  declare point: FlowPoint | null;
  declare dark: boolean;

  override render() {
    const { axis, drawn } = this;
    const names = seriesNames(drawn);
    const lines = drawn.flatMap((one, i) => this.linesOf(one, names[i]));
    const longest = Math.max(...drawn.map(({ course }) => course.flow.timesteps));
    const row = this.point?.row ?? null;
    return html`
      <rg-curve
        heading="${capitalised(this.of.name)} at step ${this.step} against ${axis}" .channel=${null} .axis=${axis}
        .lines=${lines} .scale=${this.scale} .span=${this.window ? [this.window.c0, Math.min(longest, this.window.c1)] : [0, longest]}
        .xs=${null} .boundaries=${boundaries(this.bptt, longest, axis).map((first) => first - 0.5)}
        .cursor=${row === null ? null : { t: row, c: null }} .dark=${this.dark} @rg-cursor=${this.onCursor}
      ></rg-curve>
      <ul class="number">
        ${drawn.map(({ colour, course }, i) => {
          const index = indexOf(course.flow, this.step);
          const [step] = course.flow.steps[index];
          const nearest = step === this.step ? "" : ` (step ${step})`;
          return html`<li><i style="background:${colour}"></i>${names[i]}${nearest}: ${fitWords(course.halfLife[index], course.r2[index])}</li>`;
        })}
        <li class="muted">
          ${lines.some(({ band }) => band) ? "Band: 5th to 95th percentile over samples." : ""}
          ${lines.some(({ aside }) => aside) ? "Dashed: the exponential" : "An exponential is"} fitted to the norms by lag.
        </li>
      </ul>
    `;
  }

  private get drawsNorms(): boolean {
    return this.of === FLOW_STATISTICS.norm;
  }

  private linesOf({ course: { flow }, colour }: Drawn, label: string): Line[] {
    const index = indexOf(flow, this.step);
    const valueAt = reader(flow, this.axis, this.of);
    const values = Array.from({ length: flow.timesteps }, (_, row) =>
      orGap(valueAt(index * flow.timesteps + row)),
    );
    if (!this.drawsNorms) return [{ label, colour, dash: [], values }];
    const { band } = OF_AXIS[this.axis];
    const at = (name: string) => Array.from(atStep(flow, name, index), orGap);
    const quantiles = band?.every((name) => name in flow.columns)
      ? { low: at(band[0]), high: at(band[1]) }
      : undefined;
    const fitted = fittedNorms(flow, this.axis, index);
    return [
      { label, colour, dash: [], values, ...(quantiles && { band: quantiles }) },
      ...(fitted ? [{ label: `${label}, fitted`, colour, dash: FITTED, values: fitted, aside: true }] : []),
    ];
  }

  private onCursor(event: CustomEvent<Cursor | null>): void {
    event.stopPropagation();
    tell(this, "rg-flow-point", event.detail && { step: this.step, row: event.detail.t });
  }
}

function orGap(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function capitalised(name: string): string {
  return name[0].toUpperCase() + name.slice(1);
}

customElements.define("rg-flow-now", RgFlowNow);
