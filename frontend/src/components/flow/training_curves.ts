import { html, LitElement } from "lit";
import type { Window } from "../../data/window";
import type { Spread } from "../../maths/flow/flow";
import type { FlowHistory } from "../../maths/flow/history";
import { startsOf, type XAxis } from "../../maths/over_training";
import { type Trace, traceOn } from "../../maths/traces";
import { dashesOf, type FlowCard, seriesNames } from "../../pictures/flow_cards";
import type { State } from "../../state/state";
import type { FlowPoint } from "../base/events";
import { Memo } from "../base/memo";
import type { StepPlot } from "../line_plot/step_curves";
import "../line_plot/chart_bar";
import "../line_plot/step_curves";

export type Metric = "horizon" | "farEnd" | "halfLife" | "gain" | "snrHorizon";

const METRICS: Record<Metric, Omit<StepPlot, "traces">> = {
  horizon: {
    heading: "Memory horizon (lag) over training",
    scale: "linear",
    fromZero: true,
    whole: true,
    gap: "none",
  },
  farEnd: {
    heading: "Left at the far end, of the largest norm, over training",
    scale: "log",
    fromZero: true,
    gap: "none",
  },
  halfLife: {
    heading: "Half-life (timesteps) over training",
    scale: "log",
    fromZero: true,
    gap: "none: it does not fade",
  },
  gain: { heading: "Largest gain over training", scale: "log", fromZero: true, gap: "none" },
  snrHorizon: {
    heading: "Lag up to which samples agree (−1: nowhere), over training",
    scale: "linear",
    fromZero: true,
    whole: true,
    gap: "none",
  },
};
/** Draw bands for at most this many series: more would hide each other. */
const MOST_BANDS = 3;

/** A series with its history. */
export type Known = FlowCard & { history: FlowHistory };

/** Charts of metrics over training, with a line for each series in its run's colour. */
export class RgFlowCurves extends LitElement {
  static override properties = {
    cards: { attribute: false },
    window: { attribute: false },
    state: { attribute: false },
    point: { attribute: false },
    dark: { type: Boolean },
  };

  /** The series whose flows have arrived. */
  declare cards: Known[];
  /** The rows and training steps that the maps show. */
  declare window: Window | null;
  /** The state, which holds smoothing and axis. */
  declare state: Readonly<State>;
  declare point: FlowPoint | null;
  declare dark: boolean;

  private readonly plots = new Memo<StepPlot[]>();

  override render() {
    const { cards, state } = this;
    const { xAxis, smoothing } = state;
    // Pointing creates new cards of the same histories.
    const from = [...cards.map(({ history }) => history), cards.map(({ colour }) => colour).join(), xAxis];
    const plots = this.plots.of(from, () => {
      const starts = startsOf(
        cards.map(({ series: { run }, history }) => ({ run, kept: history.flow.steps })),
      );
      return (Object.keys(METRICS) as Metric[]).map((metric) => metricPlot(cards, metric, xAxis, starts));
    });
    return html`<rg-chart-bar .state=${state}></rg-chart-bar>
      <rg-step-curves .plots=${plots} .axis=${xAxis} .smoothing=${smoothing} .window=${this.window} .point=${this.point} .dark=${this.dark}></rg-step-curves>`;
  }
}

/** The chart of a metric of the median sample. For few series it has a band from 5 to 95 %. */
export function metricPlot(
  cards: readonly Known[],
  metric: Metric,
  axis: XAxis,
  starts: ReadonlyMap<string, number>,
): StepPlot {
  const [names, dashes] = [seriesNames(cards), dashesOf(cards)];
  const traces = cards.map(({ history, colour, series }, i): Trace => {
    const spread: Spread = history[metric];
    const band = cards.length <= MOST_BANDS && spread.p05.some((value) => !Number.isNaN(value));
    return traceOn(axis, starts.get(series.run) ?? 0, history.flow.steps, {
      label: names[i],
      colour,
      dash: dashes[i],
      values: Array.from(spread.p50),
      ...(band && { band: { low: Array.from(spread.p05), high: Array.from(spread.p95) } }),
    });
  });
  return { ...METRICS[metric], traces };
}

customElements.define("rg-flow-curves", RgFlowCurves);
