import { css, html, nothing, svg } from "lit";
import { placer, type Scale } from "../../colour/scale";
import { colourIndex, mapColours } from "../../colour/table";
import { barTicks, short } from "../../colour/ticks";
import type { KeptStep } from "../../data/types";
import type { Pictured } from "../../export/menu";
import { svgPicture } from "../../export/picture";
import { type Bins, baseLine, layRidges, outline, type Ridges, ridgeAt } from "../../maths/bins";
import type { OverSteps } from "../../state/options";
import { emit } from "../base/events";
import { LiveReadout } from "../base/live_readout";
import { SizedElement } from "../base/sized";
import { controls } from "../base/theme";
import { LEFT, RIGHT } from "./histogram";

const TOP = 4;
const BOTTOM = 18;
/** Distance between named steps, in pixels. */
const NAME = 16;

/**
 * Draws histograms over training steps, the first on top, as ridges or as rows of colours.
 *
 * A click or the up and down arrow keys go to a step; the left and right keys read the bins.
 */
export class RgRidgelines extends SizedElement implements Pictured {
  static override properties = {
    ...SizedElement.properties,
    bins: { attribute: false },
    edges: { attribute: false },
    steps: { attribute: false },
    axis: { attribute: false },
    most: { type: Number },
    step: { type: Number },
    form: { type: String },
    colour: { type: String },
    dark: { type: Boolean },
    pointed: { state: true },
  };
  static override styles = [
    controls,
    css`
      :host { display: block; }
      .plot { position: relative; }
      canvas { position: absolute; left: ${LEFT}px; top: ${TOP}px; cursor: pointer; }
      svg { display: block; position: relative; pointer-events: none; }
      text { fill: var(--rg-muted); font-size: 11px; }
      .mark { fill: var(--rg-accent); }
      .marked { fill: none; stroke: var(--rg-accent); stroke-width: 1.5; }
      .readout {
        position: absolute; top: 0; right: ${RIGHT}px; padding: 0 4px; font-size: 12px; pointer-events: none;
        background: var(--rg-raised); color: var(--rg-text);
      }
    `,
  ];

  /** The bins of each step. */
  declare bins: readonly Bins[];
  declare edges: readonly number[];
  declare steps: readonly KeptStep[];
  declare axis: Scale;
  /** The share of cells that the highest ridge or the brightest colour stands for. */
  declare most: number;
  /** The slider's step. */
  declare step: number;
  declare form: OverSteps;
  /** The colour of the ridges: the run's. */
  declare colour: string;
  declare dark: boolean;
  declare pointed: { row: number; bin: number } | null;

  private readonly spoken = new LiveReadout(this);

  constructor() {
    super();
    this.pointed = null;
  }

  private get plotWidth(): number {
    return Math.max(1, this.width - LEFT - RIGHT);
  }

  private get plotHeight(): number {
    return Math.min(300, Math.max(90, 40 + this.steps.length * 8));
  }

  /** The layout of the ridges. Rows of colours do not overlap; ridges do. */
  private get ridges(): Ridges {
    const count = this.steps.length;
    if (this.form === "ridgelines") return layRidges(count, this.plotHeight);
    return { spacing: this.plotHeight / count, amplitude: this.plotHeight / count };
  }

  /** The position of a step: its base line, or the middle of its row. */
  private y(row: number): number {
    const base = baseLine(row, this.ridges);
    return this.form === "ridgelines" ? base : base - this.ridges.amplitude / 2;
  }

  private get shown(): number {
    const distances = this.steps.map(([step]) => Math.abs(step - this.step));
    return distances.indexOf(Math.min(...distances));
  }

  asSvg(caption: string): string {
    const axes = this.renderRoot.querySelector(".plot svg") as SVGSVGElement;
    return svgPicture(axes, this.renderRoot.querySelector("canvas") as HTMLCanvasElement, caption);
  }

  override render() {
    const [width, height] = [this.plotWidth, this.plotHeight];
    const { steps } = this;
    return html`
      <div class="plot">
        <canvas
          tabindex="0" role="application" aria-roledescription="histograms over steps" style="width:${width}px;height:${height}px"
          aria-label="Histograms of ${steps.length} steps, from ${steps[0][0]} to ${steps[steps.length - 1][0]}; step ${steps[this.shown][0]} is marked. Up and down, Home and End go to others; left and right read the bins."
          @pointermove=${this.onMove} @pointerleave=${this.onLeave} @click=${this.onClick} @keydown=${this.onKey} @blur=${this.onLeave}
        ></canvas>
        <svg width=${this.width} height=${TOP + height + BOTTOM} aria-hidden="true">
          <g transform="translate(${LEFT},${TOP})">${this.renderNames()} ${this.renderMark()} ${this.renderTicks()}</g>
        </svg>
        <div class="readout number" aria-live=${this.spoken.live}>${this.renderReadout()}</div>
      </div>
    `;
  }

  private renderNames() {
    const every = Math.max(1, Math.ceil(NAME / Math.max(1, this.ridges.spacing)));
    return this.steps.map(([step], row) =>
      row % every || Math.abs(this.y(row) - this.y(this.shown)) < NAME - 4
        ? nothing
        : svg`<text x="-10" y=${this.y(row)} text-anchor="end" dominant-baseline="central">${step}</text>`,
    );
  }

  /** Marks the slider's step: its name, a pointer, and its ridge in front. */
  private renderMark() {
    const row = this.shown;
    const y = this.y(row);
    const { spacing, amplitude } = this.ridges;
    const edge =
      this.form === "ridgelines"
        ? svg`<path class="marked" d=${path(outline(this.bins[row], this.most, this.plotWidth, y, amplitude))}></path>`
        : svg`<rect class="marked" x="0" y=${y - spacing / 2} width=${this.plotWidth} height=${spacing}></rect>`;
    return svg`
      ${edge}
      <path class="mark" d="M-1,${y}l-7,-4v8z"></path>
      <text x="-10" y=${y} text-anchor="end" dominant-baseline="central" style="fill:var(--rg-accent-text)">${this.steps[row][0]}</text>`;
  }

  private renderTicks() {
    const place = placer(this.axis);
    return barTicks(this.axis, this.plotWidth).map(
      (tick) =>
        svg`<text x=${place(tick) * this.plotWidth} y=${this.plotHeight + 14} text-anchor="middle">${short(tick)}</text>`,
    );
  }

  private renderReadout() {
    if (!this.pointed) return nothing;
    const { row, bin } = this.pointed;
    const count = this.bins[row]?.counts[bin];
    if (count === undefined) return nothing;
    return `step ${this.steps[row][0]}: ${count.toLocaleString("en")} from ${short(this.edges[bin])} to ${short(this.edges[bin + 1])}`;
  }

  override updated(): void {
    if (this.width === 0) return;
    const ratio = globalThis.devicePixelRatio || 1;
    const canvas = this.renderRoot.querySelector("canvas") as HTMLCanvasElement;
    [canvas.width, canvas.height] = [Math.round(this.plotWidth * ratio), Math.round(this.plotHeight * ratio)];
    const context = canvas.getContext("2d", { willReadFrequently: true }) as CanvasRenderingContext2D;
    context.scale(ratio, ratio);
    if (this.form === "ridgelines") this.paintRidges(context);
    else this.paintRows(context);
  }

  private paintRidges(context: CanvasRenderingContext2D): void {
    const background = getComputedStyle(this).getPropertyValue("--rg-raised");
    const { ridges } = this;
    this.bins.forEach((bins, row) => {
      const line = outline(bins, this.most, this.plotWidth, baseLine(row, ridges), ridges.amplitude);
      const shape = new Path2D(path(line));
      context.fillStyle = background;
      context.fill(shape);
      context.globalAlpha = 0.35;
      context.fillStyle = this.colour;
      context.fill(shape);
      context.globalAlpha = 1;
      context.strokeStyle = this.colour;
      context.stroke(shape);
    });
  }

  /** Paints shares by their square root, so that thin tails stay visible. Empty bins have no colour. */
  private paintRows(context: CanvasRenderingContext2D): void {
    const colours = mapColours("viridis");
    const { spacing } = this.ridges;
    this.bins.forEach(({ counts, cells }, row) => {
      const wide = this.plotWidth / counts.length;
      counts.forEach((count, bin) => {
        if (!count) return;
        const index = 3 * colourIndex(Math.sqrt(Math.min(1, count / cells / this.most)));
        context.fillStyle = `rgb(${colours.subarray(index, index + 3).join()})`;
        // Slightly wider, because edges between pixels would show as lines.
        context.fillRect(bin * wide, row * spacing, wide + 0.5, spacing + 0.5);
      });
    });
  }

  private at(event: PointerEvent | MouseEvent): { row: number; bin: number } {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const bins = this.edges.length - 1;
    const { spacing } = this.ridges;
    // A row of colours stands above its base line, a ridge on it.
    const row = ridgeAt(this.form === "ridgelines" ? y : y + spacing / 2, this.steps.length, this.ridges);
    return { row, bin: Math.min(bins - 1, Math.max(0, Math.floor((x / box.width) * bins))) };
  }

  private onMove(event: PointerEvent): void {
    this.pointed = this.at(event);
  }

  private onLeave(): void {
    this.pointed = null;
  }

  private onClick(event: MouseEvent): void {
    emit(this, "rg-set", { step: this.steps[this.at(event).row][0] });
  }

  private onKey(event: KeyboardEvent): void {
    const within = (place: number, count: number) => Math.min(count - 1, Math.max(0, place));
    const bin = this.pointed?.bin ?? -1;
    const aside = { ArrowLeft: bin - 1, ArrowRight: bin + 1 }[event.key];
    const { shown } = this;
    const count = this.steps.length;
    const target = { ArrowUp: shown - 1, ArrowDown: shown + 1, Home: 0, End: count - 1 }[event.key];
    if (aside === undefined && target === undefined) return;
    event.preventDefault();
    const row = within(target ?? shown, count);
    if (aside !== undefined || this.pointed)
      this.pointed = { row, bin: within(aside ?? bin, this.edges.length - 1) };
    if (target !== undefined) emit(this, "rg-set", { step: this.steps[row][0] });
  }
}

function path(points: readonly [number, number][]): string {
  return `M${points.map(([x, y]) => `${x},${y}`).join("L")}`;
}

customElements.define("rg-ridgelines", RgRidgelines);
