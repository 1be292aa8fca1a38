import { html, LitElement } from "lit";
import { makeScale, type Scale } from "../colour/scale";
import { type FlowCard, seriesNames } from "../courses";
import type { Window } from "../data/pool";
import type { Course } from "../views/course";
import type { Line } from "./curve_plot";
import { type Cursor, type FlowPoint, tell } from "./events";
import { controls, tabContent } from "./theme";
import "./curve";

export type Metric = "horizon" | "halfLife" | "gain";

const METRICS: Record<Metric, { heading: string; scale: "linear" | "log"; gap: string }> = {
  horizon: { heading: "Memory horizon (lag) over training", scale: "linear", gap: "none" },
  halfLife: { heading: "Half-life (timesteps) over training", scale: "log", gap: "none: it does not fade" },
  gain: { heading: "Largest gain over training", scale: "log", gap: "none" },
};
const DASHES: number[][] = [[], [6, 4], [2, 3], [8, 3, 2, 3]];

/** Metrics of every step over training, a line for each series in its run's colour. */
export class RgFlowCurves extends LitElement {
  static override properties = {
    cards: { attribute: false },
    metrics: { attribute: false },
    window: { attribute: false },
    point: { attribute: false },
    dark: { type: Boolean },
  };
  static override styles = [controls, tabContent];

  /** Of which flows came. */
  declare cards: (FlowCard & { course: Course })[];
  declare metrics: Metric[];
  /** What the maps show: rows, and training steps. */
  declare window: Window | null;
  declare point: FlowPoint | null;
  declare dark: boolean;

  constructor() {
    super();
    this.window = null;
  }

  override render() {
    const steps = [...new Set(this.cards.flatMap(({ course }) => course.flow.steps.map(([step]) => step)))];
    steps.sort((a, b) => a - b);
    const places = new Map(steps.map((step, i) => [step, i]));
    const seen = this.window && steps.filter((step) => step < (this.window as Window).t1);
    const first = this.window ? steps.findIndex((step) => step >= (this.window as Window).t0) : 0;
    const span = seen && first < seen.length ? [first, seen.length] : [0, steps.length];
    const at = this.point?.step == null ? undefined : places.get(this.point.step);
    return html`<div class="cards">
      ${this.metrics.map((metric) => {
        const { heading, gap, scale } = METRICS[metric];
        const lines = this.linesOf(metric, places);
        return html`<rg-curve
          heading=${heading} .channel=${null} axis="step" .gap=${gap} .lines=${lines} .scale=${scaleOf(lines, scale)}
          .span=${span} .xs=${steps} .cursor=${at === undefined ? null : { t: at, c: null }} .dark=${this.dark}
          @rg-cursor=${(event: CustomEvent<Cursor | null>) => {
            event.stopPropagation();
            tell(this, "rg-flow-point", event.detail && { step: steps[event.detail.t], row: null });
          }}
        ></rg-curve>`;
      })}
    </div>`;
  }

  private linesOf(metric: Metric, places: Map<number, number>): Line[] {
    const log = METRICS[metric].scale === "log";
    const names = seriesNames(this.cards);
    return this.cards.map(({ course, colour, series }, i) => {
      const values: Line["values"] = new Array(places.size).fill(undefined);
      course.flow.steps.forEach(([step], index) => {
        const value = course[metric][index];
        values[places.get(step) as number] = Number.isFinite(value) && !(log && value <= 0) ? value : null;
      });
      const before = this.cards.slice(0, i).filter((one) => one.series.run === series.run).length;
      return { label: names[i], colour, dash: DASHES[before % DASHES.length], values };
    });
  }
}

/** From 0 on where linear; over what there is where logarithmic. */
function scaleOf(lines: readonly Line[], name: "linear" | "log"): Scale {
  const values = lines.flatMap((line) => line.values.filter((value) => typeof value === "number"));
  const greatest = values.reduce((a, b) => Math.max(a, b), 0) || 1;
  const least = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const extent = { least, greatest, magnitude: greatest, small: least };
  return makeScale(extent, { name, signed: false, limit: null, threshold: null });
}

customElements.define("rg-flow-curves", RgFlowCurves);
