import { css, html, nothing } from "lit";
import { dashAt } from "../../colour/dashes";
import { sampleColour } from "../../colour/samples";
import type { Scale } from "../../colour/scale";
import { short } from "../../colour/ticks";
import { type Cursor, emit } from "../../components/base/events";
import { unwatch, watch } from "../../components/base/in_view";
import { Memo } from "../../components/base/memo";
import { SizedElement } from "../../components/base/sized";
import { controls } from "../../components/base/theme";
import { type Curve, curvesOf, freeScale, nearestCurve, type Range, type Sampled } from "../../maths/curves";
import { type Content, contentOf } from "./content";
import type { Plotted } from "./export";
import { renderOverlay } from "./overlay";
import {
  downOf,
  type Frame,
  type Looks,
  paintBands,
  paintCurves,
  paintSpecials,
  timestepAt,
} from "./painter";
import { type Dragged, TimeDrag, type Zoomed } from "./time_zoom";

/** The heights of the curves in small plots and in the large one. */
export const HEIGHTS = { small: 84, large: 260 };
/** Room beside the large plot: for the numbers of the y axis, and for half a number of the x axis. */
const SIDES = { left: 60, right: 18 };
/** Room for names above and timesteps below. */
const AROUND = 29;

/** Curves of some channels over timesteps, one for each sample. Above a number of curves, it draws quantile bands. */
export class RgCurvesPlot extends SizedElement implements Dragged {
  static override properties = {
    name: { type: String },
    channels: { attribute: false },
    samples: { attribute: false },
    scale: { attribute: false },
    span: { attribute: false },
    cursor: { attribute: false },
    colour: { type: String },
    time: { type: String },
    free: { type: Boolean },
    turned: { type: Boolean },
    large: { type: Boolean, reflect: true },
    named: { type: Boolean },
    pinned: { type: Boolean },
    dark: { type: Boolean },
    zoomed: { attribute: false },
    tall: { type: Number },
    seen: { state: true },
    marked: { state: true },
  };
  static override styles = [
    controls,
    css`
      :host { display: block; min-width: 0; user-select: none; }
      :host(:not([large])) { contain: content; min-height: calc(var(--height) + ${AROUND}px); cursor: pointer; scroll-margin: 8px 0 64px; } /* what is read stands below */
      .name { display: flex; gap: 6px; font-size: 11px; line-height: 16px; white-space: nowrap; }
      .name b { font-weight: 500; overflow: hidden; text-overflow: ellipsis; }
      .specials { color: var(--rg-error); margin-left: auto; overflow: hidden; text-overflow: ellipsis; }
      .pin { width: 8px; height: 8px; border-radius: 50%; background: var(--rg-accent); align-self: center; flex: none; }
      .plot { position: relative; height: var(--height); border: 1px solid var(--rg-border); background: var(--rg-background); }
      .plot.on { border-color: var(--rg-crosshair); }
      :host([large]) .plot { margin: 8px ${SIDES.right}px 20px ${SIDES.left}px; }
      canvas, svg { position: absolute; inset: 0; width: 100%; height: 100%; }
      svg { overflow: visible; pointer-events: none; }
      .ends { display: flex; justify-content: space-between; gap: 4px; white-space: nowrap; font-size: 10px; line-height: 13px; color: var(--rg-muted); }
      .range { overflow: hidden; }
      .cursor { stroke: var(--rg-crosshair); opacity: 0.55; }
      .marked { fill: var(--rg-accent); opacity: 0.25; }
      path { fill: none; stroke-linecap: round; stroke-linejoin: round; stroke-width: 2.2; }
      .halo { stroke: var(--rg-background); stroke-width: 5; }
      circle { stroke: var(--rg-background); stroke-width: 1.5; }
      text { font-size: 11px; fill: var(--rg-muted); }
    `,
  ];

  /** The name of its channel; empty if the plot has no heading. */
  declare name: string;
  declare channels: readonly number[];
  declare samples: readonly Sampled[];
  /** The scale that all plots share. */
  declare scale: Scale;
  declare span: Range;
  declare cursor: Cursor | null;
  /** The colour of bands. */
  declare colour: string;
  /** What the x axis counts, in words: timesteps or lags. */
  declare time: string;
  /** Whether its y axis ends at its own values. */
  declare free: boolean;
  /** Whether the ends of its y axis are written below it. */
  declare named: boolean;
  declare turned: boolean;
  /** Whether it is the large plot, which has axes. */
  declare large: boolean;
  declare pinned: boolean;
  declare dark: boolean;
  /** What dragging over it zooms. */
  declare zoomed: Zoomed;
  /** The height that the user chose for the large plot; small ones grow in proportion. 0 if none. */
  declare tall: number;
  declare seen: boolean;
  declare marked: Range | null;

  private readonly drag = new TimeDrag(this);
  private readonly memo = new Memo<Content>();
  private content: Content = contentOf([]);
  private drawn: unknown[] = [];

  constructor() {
    super();
    this.seen = false;
    this.tall = 0;
    this.marked = null;
    this.cursor = null;
    this.large = false;
    this.free = false;
    this.named = false;
    this.pinned = false;
    this.name = "";
    this.addEventListener("pointermove", this.onMove);
    this.addEventListener("pointerleave", () => emit(this, "rg-cursor", null));
    this.addEventListener("click", () => {
      if (!this.large && !this.drag.dragged) emit(this, "rg-pin", { t: 0, c: this.channels[0] });
    });
  }

  protected override get reserved(): number {
    return this.height + AROUND;
  }

  private get height(): number {
    const { small, large } = HEIGHTS;
    if (this.large) return this.tall || large;
    return Math.round(small * (this.tall ? this.tall / large : 1));
  }

  override connectedCallback(): void {
    super.connectedCallback();
    watch(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    unwatch(this);
  }

  protected override shouldUpdate(): boolean {
    return this.seen || !this.hasUpdated;
  }

  protected override willUpdate(): void {
    this.style.setProperty("--height", `${this.height}px`);
    if (this.seen) this.make();
  }

  /** Compute the curves again, if their inputs changed. Moving the cursor does not change them. */
  private make(): void {
    const { channels, samples, span, scale } = this;
    const views = samples.flatMap(({ views }) => views);
    const from = [...channels, samples.length, ...views, ...span, scale.name];
    this.content = this.memo.of(from, () => contentOf(curvesOf(samples, channels, span, scale)));
  }

  override render() {
    const { frame } = this;
    const { specials } = this.content;
    const { span, turned, scale } = frame;
    const [first, last] = turned ? [span[1] - 1, span[0]] : [span[0], span[1] - 1];
    return html`
      ${
        this.name
          ? html`<div class="name">
              ${this.pinned ? html`<span class="pin" title="pinned"></span>` : nothing}
              <b title="channel ${this.name}">${this.name}</b>
              ${specials ? html`<span class="specials" title="marked, not drawn: ${specials}">${specials}</span>` : nothing}
            </div>`
          : nothing
      }
      <div class="plot ${!this.large && this.cursor?.c === this.channels[0] ? "on" : ""}">
        <canvas></canvas>
        <svg aria-hidden="true">${this.renderOver(frame)}</svg>
      </div>
      ${
        this.large
          ? nothing
          : html`<div class="ends number">
              <span>${first}</span>
              ${this.named ? html`<span class="range">${short(scale.low)} to ${short(scale.high)}</span>` : nothing}
              <span>${last}</span>
            </div>`
      }
    `;
  }

  private renderOver(frame: Frame) {
    const { looks, cursor, samples, large, marked, dark } = this;
    const pointed = cursor && samples.length > 0 ? this.highlighted(cursor) : [];
    const banded = this.content.bands.length > 0;
    return renderOverlay({ frame, looks, cursor, pointed, banded, marked, axes: large, dark });
  }

  /** The curves of the sample pointed at: that of the cursor's channel, if the plot has it. */
  private highlighted({ c, s }: Cursor): Curve[] {
    const ofSample = this.content.curves.filter(({ sample }) => sample === s);
    const ofChannel = ofSample.filter(({ channel }) => channel === c);
    return ofChannel.length ? ofChannel : ofSample;
  }

  override updated(): void {
    if (!this.seen) return;
    if (!this.large) this.setAttribute("aria-label", this.described);
    if (this.width > 0) this.paint();
  }

  /** A description for screen readers. */
  private get described(): string {
    const { name, span, time, pinned } = this;
    const { range, specials } = this.content;
    const values = range ? `from ${short(range[0])} to ${short(range[1])}` : "without a value";
    return `channel ${name}, ${values} over ${time}s ${span[0]} to ${span[1] - 1}${specials ? `, ${specials}` : ""}${pinned ? ", pinned" : ""}`;
  }

  private paint(): void {
    const { frame, looks, content } = this;
    const { scale, turned } = frame;
    const ratio = globalThis.devicePixelRatio || 1;
    const { name, low, high, threshold } = scale;
    const sizes = [this.width, this.height, ratio];
    const now = [content, name, low, high, threshold, turned, ...sizes, this.dark, this.colour];
    if (same(now, this.drawn)) return;
    this.drawn = now;
    const canvas = this.renderRoot.querySelector("canvas") as HTMLCanvasElement;
    [canvas.width, canvas.height] = [Math.round(frame.width * ratio), Math.round(frame.height * ratio)];
    const context = canvas.getContext("2d") as CanvasRenderingContext2D;
    context.scale(ratio, ratio);
    if (low <= 0 && high >= 0 && name !== "log") {
      context.fillStyle = getComputedStyle(this).getPropertyValue("--rg-border");
      context.fillRect(0, Math.round(downOf(0, frame)), frame.width, 1);
    }
    if (content.bands.length) paintBands(context, content.bands, frame, looks);
    else paintCurves(context, content.curves, frame, looks);
    paintSpecials(context, content.curves, frame);
  }

  /** The plot as it is drawn, or would be drawn in view. */
  get plotted(): Plotted {
    this.make();
    const { content, frame, looks } = this;
    const { curves, bands } = content;
    return { name: this.name || this.getAttribute("aria-label") || "", curves, bands, frame, looks };
  }

  private get frame(): Frame {
    const { span, turned, large } = this;
    const height = this.height - 2;
    const scale = this.free ? freeScale(this.scale, this.content.curves) : this.scale;
    const width = this.width - 2 - (large ? SIDES.left + SIDES.right : 0);
    return { scale, span, turned, width: Math.max(1, width), height };
  }

  private get looks(): Looks {
    return {
      colour: this.colour,
      colourOf: (sample) => sampleColour(sample, this.dark),
      dashOf: (channel) => dashAt(this.channels.indexOf(channel)),
    };
  }

  private get box(): DOMRect {
    return (this.renderRoot.querySelector("canvas") as HTMLElement).getBoundingClientRect();
  }

  timestepOf({ clientX }: MouseEvent): number {
    return timestepAt(clientX - this.box.left, this.frame);
  }

  /** Read the curve nearest to the pointer, at the timestep there. */
  private readonly onMove = (event: PointerEvent): void => {
    const t = this.timestepOf(event);
    const { top, height } = this.box;
    const nearest = nearestCurve(
      this.content.curves,
      t,
      1 - (event.clientY - top) / height,
      this.frame.scale,
    );
    emit(this, "rg-cursor", { t, c: nearest?.channel ?? this.channels[0], s: nearest?.sample });
  };
}

function same(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((part, i) => part === b[i]);
}

customElements.define("rg-curves-plot", RgCurvesPlot);
