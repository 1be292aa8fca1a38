import { css, html, nothing, svg } from "lit";
import { placer, type Scale, thresholdAt, thresholdPlace, valueAt } from "../../colour/scale";
import { BEYOND, beyondOn, colourIndex, type MapName, mapColours } from "../../colour/table";
import { barTicks, short } from "../../colour/ticks";
import type { Pictured } from "../../export/menu";
import { svgPicture } from "../../export/picture";
import type { Bins } from "../../maths/bins";
import { emit } from "../base/events";
import { LiveReadout } from "../base/live_readout";
import { SizedElement } from "../base/sized";
import { controls } from "../base/theme";
import { percent } from "../controls/value_counts";

/** Room at the left, where the plots below name their steps. All of them share one x axis. */
export const LEFT = 56;
export const RIGHT = 26;
const TOP = 6;
const STRIP = 8;
/** Room for the strip of colours and the numbers below it. */
const BOTTOM = 34;
/** The factor by which an arrow key changes the ends of the range. */
const STRIDE = { limit: 2 ** 0.25, threshold: 2 };

/** Whether a bar goes beyond the top. */
function isCut(share: number, most: number): boolean {
  return share > most * (1 + 1e-9);
}

/** Whether a scale has a threshold that the user can drag. */
function hasThreshold({ name }: Scale): boolean {
  return name === "symlog" || name === "log";
}

type End = "limit" | "threshold";

/** Draws how many values fall into each bin of the page's scale, with a colour range that the user can drag. */
export class RgHistogram extends SizedElement implements Pictured {
  static override properties = {
    ...SizedElement.properties,
    bins: { attribute: false },
    edges: { attribute: false },
    axis: { attribute: false },
    scale: { attribute: false },
    map: { type: String },
    most: { type: Number },
    height: { type: Number },
    label: { type: String },
    several: { type: Boolean },
    reached: { type: Boolean },
    bin: { state: true },
  };
  static override styles = [
    controls,
    css`
      :host { display: block; }
      .plot { position: relative; }
      svg { display: block; }
      text { fill: var(--rg-muted); font-size: 11px; text-anchor: middle; }
      canvas { position: absolute; height: ${STRIP}px; pointer-events: none; }
      .bars { fill: var(--rg-text); opacity: 0.62; }
      .cut { stroke: var(--rg-accent); stroke-width: 3; }
      .pointed { fill: var(--rg-accent); }
      .beyond { fill: var(--rg-muted); opacity: 0.16; }
      .axis { stroke: var(--rg-border); }
      .limit { stroke: var(--rg-text); }
      .threshold { stroke: var(--rg-text); stroke-dasharray: 3 3; }
      .thumb {
        position: absolute; width: 10px; margin-left: -5px; height: ${STRIP + 6}px; border-radius: 3px; cursor: ew-resize;
        background: var(--rg-background); border: 2px solid var(--rg-text); touch-action: none;
      }
      .thumb.threshold { border-style: dotted; }
      .readout {
        position: absolute; top: 0; right: ${RIGHT}px; padding: 0 4px; font-size: 12px; pointer-events: none;
        background: var(--rg-raised); color: var(--rg-text);
      }
    `,
  ];

  declare bins: Bins;
  declare edges: readonly number[];
  /** The axis, from end to end of the values. */
  declare axis: Scale;
  /** The colour range; null if there is none to show. */
  declare scale: Scale | null;
  declare map: MapName;
  /** The share of cells that reaches the top. */
  declare most: number;
  /** Height of the bars in pixels. */
  declare height: number;
  /** What the histogram shows, in words. */
  declare label: string;
  /** Whether it is one of several histograms, and whether Tab stops at it. */
  declare several: boolean;
  declare reached: boolean;
  /** The bin pointed at. */
  declare bin: number | null;

  private readonly spoken = new LiveReadout(this);

  constructor() {
    super();
    this.height = 110;
    this.several = false;
    this.reached = true;
    this.bin = null;
  }

  /** Take the focus, as one of several. */
  override focus(): void {
    this.renderRoot.querySelector<SVGSVGElement>(".plot svg")?.focus();
  }

  private get plotWidth(): number {
    return Math.max(1, this.width - LEFT - RIGHT);
  }

  asSvg(caption: string): string {
    const axes = this.renderRoot.querySelector(".plot svg") as SVGSVGElement;
    return svgPicture(axes, this.renderRoot.querySelector("canvas") as HTMLCanvasElement, caption);
  }

  override render() {
    const [width, height] = [this.plotWidth, this.height];
    return html`
      <div class="plot">
        <svg
          width=${this.width} height=${TOP + height + BOTTOM} tabindex=${this.reached ? 0 : -1} role="application" aria-roledescription="histogram"
          @pointermove=${this.onMove} @pointerleave=${this.onLeave} @keydown=${this.onPlotKey} @blur=${this.onLeave}
          aria-label=" ${this.bins.cells} values${this.label ? `, ${this.label}` : ""}, from ${short(this.axis.low)} to ${short(this.axis.high)}, ${this.axis.name}. ${this.several ? "Left and right, Home and End read single bins, up and down go to other groups" : "Arrow keys, Home and End read single bins"}."
        >
          <g transform="translate(${LEFT},${TOP})">
            ${this.renderRange()} ${this.renderBars()}
            <line class="axis" x1="0" x2=${width} y1=${height} y2=${height}></line>
            <text x="-6" y="9" style="text-anchor:end">${percent(this.most)}</text>
            ${this.renderTicks()}
          </g>
        </svg>
        <canvas
          width="256" height="1" style="left:${LEFT}px;top:${TOP + height + 1}px;width:${width}px" ?hidden=${!this.scale}
        ></canvas>
        ${this.scale ? this.renderThumbs(this.scale) : nothing}
        <div class="readout number" aria-live=${this.spoken.live}>${this.renderReadout()}</div>
      </div>
    `;
  }

  private renderBars() {
    const { counts, cells } = this.bins;
    const wide = this.plotWidth / counts.length;
    const bar = (count: number, bin: number) => {
      const tall = count ? Math.min(this.height, Math.max(1, (count / cells / this.most) * this.height)) : 0;
      return tall
        ? `M${bin * wide},${this.height}V${this.height - tall}H${(bin + 1) * wide}V${this.height}Z`
        : "";
    };
    return svg`
      <path class="bars" d=${counts.map(bar).join("")}></path>
      <path class="cut" d=${counts.map((count, bin) => (isCut(count / cells, this.most) ? `M${bin * wide},0H${(bin + 1) * wide}` : "")).join("")}></path>
      ${this.bin === null ? nothing : svg`<path class="pointed" d=${bar(counts[this.bin] ?? 0, this.bin)}></path>`}`;
  }

  /** Shades the values beyond the range, which have colours of their own. */
  private renderRange() {
    if (!this.scale) return nothing;
    const [width, height] = [this.plotWidth, this.height];
    const [low, high] = this.ends(this.scale).map((place) => place * width);
    return svg`
      <rect class="beyond" x="0" y="0" width=${low} height=${height}></rect>
      <rect class="beyond" x=${high} y="0" width=${width - high} height=${height}></rect>
      ${this.mirrored(low > 0 ? [low, high] : [high]).map((x) => svg`<line class="limit" x1=${x} x2=${x} y1="0" y2=${height + STRIP}></line>`)}
      ${
        !hasThreshold(this.axis)
          ? nothing
          : this.mirrored([this.thresholdPlace(this.scale) * width]).map(
              (x) => svg`<line class="threshold" x1=${x} x2=${x} y1="0" y2=${height + STRIP}></line>`,
            )
      }`;
  }

  /** The places, with those of the same magnitudes below 0 if the axis has negative values. */
  private mirrored(places: number[]): number[] {
    const others = this.axis.low < 0 ? places.map((x) => this.plotWidth - x) : [];
    return [...new Set([...places, ...others])];
  }

  private renderTicks() {
    const place = placer(this.axis);
    return barTicks(this.axis, this.plotWidth).map(
      (tick) =>
        svg`<text x=${place(tick) * this.plotWidth} y=${this.height + STRIP + 19}>${short(tick)}</text>`,
    );
  }

  private renderThumbs(scale: Scale) {
    const limit = this.ends(scale)[1];
    return html`
      ${this.renderThumb("limit", "Colour limit", limit, scale.high)}
      ${
        !hasThreshold(this.axis)
          ? nothing
          : this.renderThumb(
              "threshold",
              this.axis.name === "log" ? "Least magnitude" : "Symlog threshold",
              this.thresholdPlace(scale),
              scale.threshold,
            )
      }
    `;
  }

  private renderThumb(end: End, name: string, place: number, value: number) {
    return html`<div
      class="thumb ${end}" role="slider" tabindex=${this.reached ? 0 : -1} aria-label=${name}
      aria-valuenow=${value} aria-valuemin="0" aria-valuemax=${this.axis.high} aria-valuetext=${short(value)}
      title="${name} ${short(value)}: drag, or arrow keys; double-click for automatic"
      style="left:${LEFT + place * this.plotWidth}px;top:${TOP + this.height - 2}px"
      @pointerdown=${(event: PointerEvent) => (event.target as Element).setPointerCapture(event.pointerId)}
      @pointermove=${(event: PointerEvent) => this.onDrag(event, end)}
      @keydown=${(event: KeyboardEvent) => this.onKey(event, end, value)}
      @dblclick=${() => emit(this, "rg-set", { [end]: null })}
    ></div>`;
  }

  private renderReadout() {
    const { counts, cells } = this.bins;
    if (this.bin === null || this.bin >= counts.length) return nothing;
    const count = counts[this.bin];
    const [from, to] = [this.edges[this.bin], this.edges[this.bin + 1]];
    return `${count.toLocaleString("en")} (${percent(count / cells)}) from ${short(from)} to ${short(to)}`;
  }

  /** Where the colour range begins and ends on the axis. */
  private ends(scale: Scale): [number, number] {
    const place = placer(this.axis);
    return [place(scale.low), place(scale.high)];
  }

  private thresholdPlace({ threshold }: Scale): number {
    return this.axis.name === "log" ? placer(this.axis)(threshold) : thresholdPlace(this.axis);
  }

  private onDrag(event: PointerEvent, end: End): void {
    if (!(event.target as Element).hasPointerCapture(event.pointerId)) return;
    const plot = (this.renderRoot.querySelector(".plot") as HTMLElement).getBoundingClientRect();
    const place = Math.min(1, Math.max(0, (event.clientX - plot.left - LEFT) / this.plotWidth));
    const asSymlog = end === "threshold" && this.axis.name === "symlog";
    this.setEnd(end, asSymlog ? thresholdAt(this.axis, place) : valueAt(this.axis, place));
  }

  private onKey(event: KeyboardEvent, end: End, value: number): void {
    const direction = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!direction) return;
    event.preventDefault();
    this.setEnd(end, value * STRIDE[end] ** direction);
  }

  private setEnd(end: End, value: number): void {
    if (value > 0) emit(this, "rg-set", { [end]: Number(value.toPrecision(3)) });
  }

  private onMove(event: PointerEvent): void {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const share = (event.clientX - box.left - LEFT) / this.plotWidth;
    this.bin = share >= 0 && share < 1 ? Math.floor(share * this.bins.counts.length) : null;
  }

  private onPlotKey(event: KeyboardEvent): void {
    const last = this.bins.counts.length - 1;
    const at = this.bin ?? -1;
    const bin = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key];
    if (bin === undefined) return;
    event.preventDefault();
    this.bin = Math.min(last, Math.max(0, bin));
  }

  private onLeave(): void {
    this.bin = null;
  }

  /** Paints, below the values, the colours they have in heatmaps. */
  override updated(): void {
    if (!this.scale) return;
    const context = this.renderRoot.querySelector("canvas")?.getContext("2d", {
      willReadFrequently: true,
    }) as CanvasRenderingContext2D;
    const pixels = context.createImageData(256, 1);
    const colours = mapColours(this.map);
    const place = placer(this.scale);
    for (let x = 0; x < 256; x++) {
      const value = valueAt(this.axis, (x + 0.5) / 256);
      const index = 3 * colourIndex(place(value));
      const beyond = beyondOn(this.scale, value);
      pixels.data.set([...(beyond ? BEYOND[beyond].rgb : colours.slice(index, index + 3)), 255], 4 * x);
    }
    context.putImageData(pixels, 0, 0);
  }
}

customElements.define("rg-histogram", RgHistogram);
