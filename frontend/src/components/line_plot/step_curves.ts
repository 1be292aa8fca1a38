import { css, html, LitElement } from "lit";
import { makeScale, type Scale } from "../../colour/scale";
import { roundEnds } from "../../colour/ticks";
import type { Window } from "../../data/window";
import { smoothed, X_AXIS_NAMES, type XAxis } from "../../maths/over_training";
import { placed, type Trace, unionOf } from "../../maths/traces";
import { type Cursor, emit, type FlowPoint } from "../base/events";
import { Memo } from "../base/memo";
import { controls, tabContent } from "../base/theme";
import type { Line } from "./uplot_options";
import "./line_plot";

/** A log axis spans at most this many decades, so that a gradient that is nearly gone is still seen. */
const MOST_DECADES = 12;
/** An axis of whole numbers spans at least this much: over less, the numbers on it would be fractions. */
const LEAST_WHOLE = 6;

/** One chart over training. */
export interface StepPlot {
  heading: string;
  scale: "linear" | "log";
  /** Whether a linear axis begins at 0. */
  fromZero: boolean;
  /** Whether the values are counts, so that a linear axis has whole numbers alone. */
  whole?: boolean;
  /** What a gap in a line means, in words. */
  gap: string;
  traces: Trace[];
  /** Whether more of its data is on its way. */
  coming?: boolean;
}

/** Charts over training that share one axis and one cursor. */
export class RgStepCurves extends LitElement {
  static override properties = {
    plots: { attribute: false },
    axis: { type: String },
    smoothing: { type: Number },
    window: { attribute: false },
    point: { attribute: false },
    stacked: { type: Boolean },
    dark: { type: Boolean },
    pointed: { state: true },
  };
  static override styles = [controls, tabContent, css`:host { display: block; min-width: 0; }`];

  declare plots: StepPlot[];
  /** The axis of the traces, and their smoothing. */
  declare axis: XAxis;
  declare smoothing: number;
  /** The rows and training steps that the maps beside it show. */
  declare window: Window | null;
  declare point: FlowPoint | null;
  /** Whether the charts stand one above the other, leaving room for what is beside them. */
  declare stacked: boolean;
  declare dark: boolean;
  /** The place under the pointer. */
  declare pointed: number | null;

  private readonly drawn = new Memo<{ xs: number[]; places: Map<number, number>; drawn: Drawn[] }>();

  constructor() {
    super();
    this.window = null;
    this.point = null;
    this.axis = "step";
    this.smoothing = 0;
    this.stacked = false;
    this.pointed = null;
  }

  override render() {
    const { plots, axis, smoothing } = this;
    const { xs, places, drawn } = this.drawn.of([plots, axis, smoothing], () => draw(plots, smoothing));
    // The maps beside the charts zoom and point by training step.
    const isOfSteps = axis === "step";
    const x = (isOfSteps ? this.point?.step : null) ?? this.pointed;
    const at = x === null ? undefined : places.get(x);
    const span = isOfSteps ? spanIn(xs, this.window) : [0, xs.length];
    return html`<div class="cards ${this.stacked ? "stacked" : ""}">
      ${drawn.map(
        ({ heading, gap, lines, scale, coming }) => html`<rg-curve
          heading=${heading} .channel=${null} axis=${X_AXIS_NAMES[axis]} across=${axis} .note=${smoothing ? `smoothed by ${smoothing}` : ""}
          .gap=${gap} .lines=${lines} .scale=${scale} .coming=${coming}
          .span=${span} .xs=${xs} .cursor=${at === undefined ? null : { t: at, c: null }} .dark=${this.dark}
          @rg-cursor=${(event: CustomEvent<Cursor | null>) => this.onCursor(event, xs)}
        ></rg-curve>`,
      )}
    </div>`;
  }

  private onCursor(event: CustomEvent<Cursor | null>, xs: readonly number[]): void {
    event.stopPropagation();
    this.pointed = event.detail && xs[event.detail.t];
    if (this.axis !== "step") return;
    emit(this, "rg-flow-point", this.pointed === null ? null : { step: this.pointed, row: null });
  }
}

interface Drawn {
  heading: string;
  gap: string;
  lines: Line[];
  scale: Scale;
  coming: boolean;
}

/** The part of an axis of steps that a window shows; all of it if the window contains none of it. */
function spanIn(steps: readonly number[], window: Window | null): [number, number] {
  const first = window ? steps.findIndex((step) => step >= window.t0) : 0;
  const end = window ? steps.filter((step) => step < window.t1).length : steps.length;
  return first >= 0 && first < end ? [first, end] : [0, steps.length];
}

function draw(plots: readonly StepPlot[], smoothing: number) {
  const xs = unionOf(plots.flatMap(({ traces }) => traces));
  const places = new Map(xs.map((x, i) => [x, i]));
  const drawn = plots.map(
    ({ heading, gap, traces, scale, fromZero, whole = false, coming = false }): Drawn => {
      const lines = traces.map(({ label, colour, dash, xs: own, steps, values, band }): Line => {
        const clean = (of: readonly (number | null)[]) =>
          of.map((value) =>
            value !== null && Number.isFinite(value) && !(scale === "log" && value < 0) ? value : null,
          );
        const smooth = (of: readonly (number | null)[]) =>
          placed(own, smoothed(clean(of), smoothing), places);
        // The edges of a band have no gaps where the line continues.
        const edge = (of: readonly (number | null)[]) => smooth(of) as (number | null)[];
        return {
          label,
          colour,
          dash,
          values: smooth(values),
          ...(smoothing > 0 && { raw: placed(own, clean(values), places) }),
          ...(steps && { steps: placed(own, steps, places) }),
          ...(band && { band: { low: edge(band.low), high: edge(band.high) } }),
        };
      });
      return { heading, gap, lines, scale: scaleOf(lines, scale, fromZero, whole), coming };
    },
  );
  return { xs, places, drawn };
}

function scaleOf(lines: readonly Line[], name: "linear" | "log", fromZero: boolean, whole: boolean): Scale {
  const values = lines.flatMap(
    ({ values, raw = values, band }) =>
      [...raw, ...(band ? [...band.low, ...band.high] : [])].filter(
        (value) => typeof value === "number" && (name === "linear" || value > 0),
      ) as number[],
  );
  const greatest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const least = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  if (least > greatest) return { name: "linear", low: 0, high: 1, threshold: 1 };
  if (name === "log") {
    const extent = { least, greatest, magnitude: greatest, small: least };
    const threshold = Math.max(least, greatest * 10 ** -MOST_DECADES);
    return makeScale(extent, { name, signed: false, limit: null, threshold });
  }
  const [low, top] = fromZero ? [Math.min(0, least), Math.max(0, greatest)] : [least, greatest];
  const high = whole ? Math.max(top, low + LEAST_WHOLE) : top;
  const [from, to] = roundEnds(low, high > low ? high : low + (Math.abs(low) || 1));
  return { name, low: from, high: to, threshold: 1 };
}

customElements.define("rg-step-curves", RgStepCurves);
