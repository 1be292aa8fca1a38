import { html, LitElement } from "lit";
import { dashesOf, type FlowCard, seriesNames } from "../courses";
import type { Window } from "../data/pool";
import type { State } from "../state";
import type { Course } from "../views/course";
import type { Spread } from "../views/flow";
import { startsOf, type XAxis } from "../views/over_training";
import { type Trace, traceOn } from "../views/traces";
import { Kept } from "./changed";
import type { FlowPoint } from "./events";
import type { StepPlot } from "./step_curves";
import "./chart_bar";
import "./step_curves";

export type Metric = "horizon" | "farEnd" | "halfLife" | "gain" | "snrHorizon";

const METRICS: Record<Metric, Omit<StepPlot, "traces">> = {
  horizon: { heading: "Memory horizon (lag) over training", scale: "linear", fromZero: true, gap: "none" },
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
    heading: "Lag up to which samples agree, over training",
    scale: "linear",
    fromZero: true,
    gap: "none",
  },
};
/** Bands of more series hide each other. */
const MOST_BANDS = 3;

/** A series with its course. */
export type Known = FlowCard & { course: Course };

/** Metrics of every step over training, a line for each series in its run's colour. */
export class RgFlowCurves extends LitElement {
  static override properties = {
    cards: { attribute: false },
    window: { attribute: false },
    state: { attribute: false },
    point: { attribute: false },
    dark: { type: Boolean },
  };

  /** Of which flows came. */
  declare cards: Known[];
  /** What the maps show: rows, and training steps. */
  declare window: Window | null;
  /** With smoothing and axis. */
  declare state: Readonly<State>;
  declare point: FlowPoint | null;
  declare dark: boolean;

  private readonly plots = new Kept<StepPlot[]>();

  override render() {
    const { cards, state } = this;
    const { xAxis, smoothing } = state;
    // Pointing makes other cards of the same courses.
    const from = [...cards.map(({ course }) => course), cards.map(({ colour }) => colour).join(), xAxis];
    const plots = this.plots.of(from, () => {
      const starts = startsOf(cards.map(({ series: { run }, course }) => ({ run, kept: course.flow.steps })));
      return (Object.keys(METRICS) as Metric[]).map((metric) => metricPlot(cards, metric, xAxis, starts));
    });
    return html`<rg-chart-bar .state=${state}></rg-chart-bar>
      <rg-step-curves .plots=${plots} .axis=${xAxis} .smoothing=${smoothing} .window=${this.window} .point=${this.point} .dark=${this.dark}></rg-step-curves>`;
  }
}

/** The chart of a metric: the median sample's, of few series with a band from 5 to 95 %. */
export function metricPlot(
  cards: readonly Known[],
  metric: Metric,
  axis: XAxis,
  starts: ReadonlyMap<string, number>,
): StepPlot {
  const [names, dashes] = [seriesNames(cards), dashesOf(cards)];
  const traces = cards.map(({ course, colour, series }, i): Trace => {
    const spread: Spread = course[metric];
    const band = cards.length <= MOST_BANDS && spread.p05.some((value) => !Number.isNaN(value));
    return traceOn(axis, starts.get(series.run) ?? 0, course.flow.steps, {
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
