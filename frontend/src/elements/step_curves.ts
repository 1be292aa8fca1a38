import { css, html, LitElement } from "lit";
import { makeScale, type Scale } from "../colour/scale";
import { niceStep } from "../colour/ticks";
import type { Window } from "../data/pool";
import { placed, type Trace, unionOf } from "../views/traces";
import { Kept } from "./changed";
import type { Line } from "./curve_plot";
import { type Cursor, type FlowPoint, tell } from "./events";
import { controls, tabContent } from "./theme";
import "./curve";

/** One chart over training. */
export interface StepPlot {
  heading: string;
  scale: "linear" | "log";
  /** Whether a linear axis begins at 0. */
  fromZero: boolean;
  /** What a gap of a line is, in words. */
  gap: string;
  traces: Trace[];
}

/** Charts over training on one axis of steps, with one cursor. */
export class RgStepCurves extends LitElement {
  static override properties = {
    plots: { attribute: false },
    window: { attribute: false },
    point: { attribute: false },
    stacked: { type: Boolean },
    dark: { type: Boolean },
    pointed: { state: true },
  };
  static override styles = [
    controls,
    tabContent,
    css`:host { display: block; min-width: 0; } .stacked { grid-template-columns: minmax(0, 1fr); }`,
  ];

  declare plots: StepPlot[];
  /** What maps beside it show: rows, and training steps. */
  declare window: Window | null;
  declare point: FlowPoint | null;
  /** Whether the charts stand one above the other. */
  declare stacked: boolean;
  declare dark: boolean;
  /** The step under the pointer. */
  declare pointed: number | null;

  private readonly drawn = new Kept<{ steps: number[]; places: Map<number, number>; drawn: Drawn[] }>();

  constructor() {
    super();
    this.window = null;
    this.point = null;
    this.stacked = false;
    this.pointed = null;
  }

  override render() {
    const { steps, places, drawn } = this.drawn.of([this.plots], () => draw(this.plots));
    const seen = this.window && steps.filter((step) => step < (this.window as Window).t1);
    const first = this.window ? steps.findIndex((step) => step >= (this.window as Window).t0) : 0;
    const span = seen && first >= 0 && first < seen.length ? [first, seen.length] : [0, steps.length];
    const step = this.point?.step ?? this.pointed;
    const at = step === null ? undefined : places.get(step);
    return html`<div class="cards ${this.stacked ? "stacked" : ""}">
      ${drawn.map(
        ({ heading, gap, lines, scale }) => html`<rg-curve
          heading=${heading} .channel=${null} axis="step" .gap=${gap} .lines=${lines} .scale=${scale}
          .span=${span} .xs=${steps} .cursor=${at === undefined ? null : { t: at, c: null }} .dark=${this.dark}
          @rg-cursor=${(event: CustomEvent<Cursor | null>) => this.onCursor(event, steps)}
        ></rg-curve>`,
      )}
    </div>`;
  }

  private onCursor(event: CustomEvent<Cursor | null>, steps: readonly number[]): void {
    event.stopPropagation();
    this.pointed = event.detail && steps[event.detail.t];
    tell(this, "rg-flow-point", this.pointed === null ? null : { step: this.pointed, row: null });
  }
}

interface Drawn {
  heading: string;
  gap: string;
  lines: Line[];
  scale: Scale;
}

function draw(plots: readonly StepPlot[]) {
  const steps = unionOf(plots.flatMap(({ traces }) => traces));
  const places = new Map(steps.map((step, i) => [step, i]));
  const drawn = plots.map(({ heading, gap, traces, scale, fromZero }): Drawn => {
    const lines = traces.map(({ label, colour, dash, steps: own, values, band }): Line => {
      const clean = (of: readonly (number | null)[]) =>
        of.map((value) =>
          value !== null && Number.isFinite(value) && !(scale === "log" && value <= 0) ? value : null,
        );
      // The edges of a band have no gaps where the line goes on.
      const edge = (of: readonly (number | null)[]) => placed(own, clean(of), places) as (number | null)[];
      return {
        label,
        colour,
        dash,
        values: placed(own, clean(values), places),
        ...(band && { band: { low: edge(band.low), high: edge(band.high) } }),
      };
    });
    return { heading, gap, lines, scale: scaleOf(lines, scale, fromZero) };
  });
  return { steps, places, drawn };
}

function scaleOf(lines: readonly Line[], name: "linear" | "log", fromZero: boolean): Scale {
  const values = lines.flatMap(({ values, band }) =>
    [...values, ...(band ? [...band.low, ...band.high] : [])].filter((value) => typeof value === "number"),
  );
  const greatest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const least = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  if (least > greatest) return { name: "linear", low: 0, high: 1, threshold: 1 };
  if (name === "log") {
    const extent = { least, greatest, magnitude: greatest, small: least };
    return makeScale(extent, { name, signed: false, limit: null, threshold: null });
  }
  const [low, high] = fromZero ? [Math.min(0, least), Math.max(0, greatest)] : [least, greatest];
  const step = niceStep(high - low || Math.abs(high) || 1, 8);
  const top = high > low ? step * Math.ceil(high / step) : high + step;
  return { name, low: step * Math.floor(low / step), high: top, threshold: 1 };
}

customElements.define("rg-step-curves", RgStepCurves);
