import { css, html, nothing, svg } from "lit";
import type { Scale } from "../colour/scale";
import { type MapName, sharedTable } from "../colour/table";
import { integerTicks, short } from "../colour/ticks";
import type { Window } from "../data/pool";
import type { Tensor } from "../data/types";
import { logEnds, logPlaces, norms } from "../views/norms";
import { paint } from "../views/painter";
import { pngPicture, svgPicture } from "../views/picture";
import { stretches } from "../views/stretches";
import { type Cursor, tell } from "./events";
import type { Pictured } from "./export_menu";
import { type Cell, Gestures, type Plot } from "./heatmap_gestures";
import { SizedElement } from "./sized";
import { controls, hatch } from "./theme";

/** Room around the cells for the axes, and for nothing. */
const LEFT = 46;
const BOTTOM = 34;
const BARE = 10;
/** Room for the norms above and beside them, and for the groups' names. */
const NORMS_ABOVE = 42;
const NORMS_BESIDE = 56;
const NAMES = 8;
const LEVEL_NAMES = 44;
/** Width of the strips that hold norms, and their distance from the cells. */
const STRIP = 30;
const GAP = 4;
/** The most decades that norms span. */
const DECADES = 12;

/** Height of the colours above columns. */
const STRIPE = 6;

/** Height of the cells: enough for each row to be seen, within bounds that fit a screen. */
export function heatmapHeight(channels: number): number {
  return Math.min(360, Math.max(120, channels * 8));
}

/**
 * Channels x timesteps as colours, with the norms of rows and columns beside. The canvas holds the cells and
 * nothing else; axes lie around it.
 */
export class RgHeatmap extends SizedElement implements Plot, Pictured {
  static override properties = {
    tensor: { attribute: false },
    scale: { attribute: false },
    map: { type: String },
    window: { attribute: false },
    axes: { attribute: false },
    groups: { attribute: false },
    pins: { attribute: false },
    cursor: { attribute: false },
    marginals: { type: Boolean },
    columnNames: { attribute: false },
    mark: { attribute: false },
    line: { attribute: false },
    strip: { attribute: false },
    boundaries: { attribute: false },
    marked: { state: true },
  };
  static override styles = [
    controls,
    css`
      :host { display: block; position: relative; }
      canvas {
        position: absolute; cursor: crosshair; touch-action: pan-y;
        background: ${hatch}, var(--rg-background); outline-offset: 2px;
      }
      svg { display: block; position: relative; pointer-events: none; overflow: hidden; }
      text { fill: var(--rg-muted); font-size: 11px; }
      .frame { fill: none; stroke: var(--rg-border); }
      .tick { stroke: var(--rg-muted); }
      .crosshair { stroke: var(--rg-crosshair); opacity: 0.55; }
      .separator { stroke: var(--rg-crosshair); stroke-dasharray: 4 3; opacity: 0.7; }
      .pin { fill: var(--rg-accent); }
      .norm { fill: var(--rg-muted); opacity: 0.45; }
      .small { font-size: 10px; }
      .line { fill: none; stroke: #fff; stroke-width: 1.5; }
      .halo { stroke: #000; stroke-width: 3.5; }
      .boundary { stroke: #fff; stroke-dasharray: 6 4; }
      .boundary.halo { stroke: #000; stroke-width: 2.5; stroke-dasharray: none; opacity: 0.5; }
      .mark { fill: var(--rg-accent); stroke: var(--rg-accent); stroke-width: 1.5; }
      .marked { fill: var(--rg-accent); fill-opacity: 0.15; stroke: var(--rg-accent); }
    `,
  ];

  declare tensor: Tensor;
  declare scale: Scale;
  declare map: MapName;
  declare window: Window;
  /** Names of the axes. */
  declare axes: { timesteps: string; channels: string };
  declare groups: [string, number][] | null;
  declare pins: number[];
  declare cursor: Cursor | null;
  /** Whether to draw norms: of logarithms there are none. */
  declare marginals: boolean;
  /** What columns are called on their axis, where not by their numbers. */
  declare columnNames: number[] | undefined;
  /** A column to mark. */
  declare mark: number | undefined;
  /** For each column a row to draw a line through. */
  declare line: (number | null)[] | undefined;
  /** For each column a colour to draw above it, as CSS has it. */
  declare strip: (string | null)[] | undefined;
  /** Rows to draw a line above. */
  declare boundaries: readonly number[] | undefined;
  declare marked: [Cell, Cell] | null;

  private readonly gestures = new Gestures(this);
  private painted: unknown[] = [];
  private normed: { of: unknown[]; strips: unknown } = { of: [], strips: nothing };

  constructor() {
    super();
    this.marked = null;
    // Not in the template: a wheel listener that prevents scrolling must not be passive.
    this.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
  }

  get whole(): Window {
    return { c0: 0, c1: this.tensor.channels, t0: 0, t1: this.tensor.timesteps };
  }

  private get top(): number {
    return this.marginals ? NORMS_ABOVE : BARE + (this.strip ? STRIPE : 0);
  }

  /** Groups of one channel each are names of rows, written level. */
  private get hasNamedRows(): boolean {
    return (this.groups ?? []).length > 1 && (this.groups ?? []).every(([, size]) => size === 1);
  }

  private get roomForNames(): number {
    if (this.hasNamedRows) return LEVEL_NAMES;
    return this.groups ? NAMES : 0;
  }

  private get plotWidth(): number {
    const right = (this.marginals ? NORMS_BESIDE : BARE) + this.roomForNames;
    return Math.max(1, this.width - LEFT - right);
  }

  private get plotHeight(): number {
    return heatmapHeight(this.tensor.channels);
  }

  /** The cells, and nothing else; null before the first update. */
  get cells(): HTMLCanvasElement | null {
    return this.renderRoot.querySelector("canvas");
  }

  override render() {
    const [width, height] = [this.plotWidth, this.plotHeight];
    const { request, channels, timesteps } = this.tensor;
    return html`
      <canvas
        tabindex="0" role="img" style="left:${LEFT}px;top:${this.top}px;width:${width}px;height:${height}px"
        aria-label="Heatmap of ${channels} channels by ${timesteps} timesteps, run ${request.run}, step ${request.step}. Arrow keys read single cells, Enter pins the channel; plus, minus and brackets zoom, Shift and arrows move, 0 shows all."
        @pointerdown=${this.gestures.onDown} @pointermove=${this.gestures.onMove} @pointerup=${this.gestures.onUp}
        @pointercancel=${this.gestures.onCancel} @pointerleave=${this.gestures.onLeave}
        @dblclick=${() => tell(this, "rg-set", { window: null })}
        @keydown=${this.gestures.onKey} @blur=${() => tell(this, "rg-cursor", null)}
      ></canvas>
      <svg width=${this.width} height=${height + this.top + BOTTOM} aria-hidden="true">
        <g transform="translate(${LEFT},${this.top})">
          <rect class="frame" x="-0.5" y="-0.5" width=${width + 1} height=${height + 1}></rect>
          ${this.renderTimeAxis()} ${this.renderChannelAxis()} ${this.renderNorms()} ${this.renderGroups()}
          ${this.renderPins()} ${this.renderBoundaries()} ${this.renderStrip()} ${this.renderLine()} ${this.renderCrosshair()} ${this.renderMarked()}
        </g>
      </svg>
    `;
  }

  private x(timestep: number): number {
    return ((timestep - this.window.t0) / (this.window.t1 - this.window.t0)) * this.plotWidth;
  }

  private y(channel: number): number {
    return ((channel - this.window.c0) / (this.window.c1 - this.window.c0)) * this.plotHeight;
  }

  private renderTimeAxis() {
    const bottom = this.plotHeight;
    return svg`
      ${integerTicks(this.window.t0, this.window.t1, this.plotWidth / 60).map(
        (t) => svg`
          <line class="tick" x1=${this.x(t + 0.5)} x2=${this.x(t + 0.5)} y1=${bottom} y2=${bottom + 4}></line>
          <text x=${this.x(t + 0.5)} y=${bottom + 15} text-anchor="middle">${this.columnNames?.[t] ?? t}</text>`,
      )}
      <text x=${this.plotWidth / 2} y=${bottom + 30} text-anchor="middle">${this.axes.timesteps}</text>`;
  }

  private renderChannelAxis() {
    return svg`
      ${integerTicks(this.window.c0, this.window.c1, this.plotHeight / 24).map(
        (c) => svg`
          <line class="tick" x1="-4" x2="0" y1=${this.y(c + 0.5)} y2=${this.y(c + 0.5)}></line>
          <text x="-7" y=${this.y(c + 0.5)} text-anchor="end" dominant-baseline="central">${c}</text>`,
      )}
      <text transform="translate(-36,${this.plotHeight / 2}) rotate(-90)" text-anchor="middle">${this.axes.channels}</text>`;
  }

  /** Norms of columns above and of rows on the right, as bars on a log axis; remembered between moves. */
  private renderNorms() {
    if (!this.marginals) return nothing;
    const of = [this.tensor, this.width, ...Object.values(this.window)];
    if (of.some((part, i) => part !== this.normed.of[i])) this.normed = { of, strips: this.drawNorms() };
    return this.normed.strips;
  }

  private drawNorms() {
    const { rows, columns } = norms(this.tensor.values, this.tensor.codes, this.window);
    const above = logEnds(columns, DECADES);
    const beside = logEnds(rows, DECADES);
    const bars = (values: Float64Array, ends: [number, number], length: number) =>
      logPlaces(values, ...ends)
        .map((place, i) => {
          if (place === null) return "";
          const [from, to] = [(i * length) / values.length, ((i + 1) * length) / values.length];
          return { from, to, size: 2 + place * (STRIP - 2) };
        })
        .filter((bar) => bar !== "");
    const base = this.plotWidth + GAP;
    return svg`
      ${
        above &&
        svg`<path class="norm" d=${bars(columns, above, this.plotWidth)
          .map(({ from, to, size }) => `M${from},${-GAP}V${-GAP - size}H${to}V${-GAP}Z`)
          .join("")}><title>norm over channels</title></path>
          <text class="small" x=${base} y=${-GAP - STRIP + 6}>‖·‖ ${short(above[1])}</text>
          <text class="small" x=${base} y=${-GAP - 2}>${short(above[0])}</text>`
      }
      ${
        beside &&
        svg`<path class="norm" d=${bars(rows, beside, this.plotHeight)
          .map(({ from, to, size }) => `M${base},${from}H${base + size}V${to}H${base}Z`)
          .join("")}><title>norm over timesteps</title></path>
          <text class="small" x=${this.plotWidth + NORMS_BESIDE} y=${this.plotHeight + 30} text-anchor="end">${short(beside[0])} to ${short(beside[1])}</text>`
      }`;
  }

  private renderGroups() {
    const { c0, c1 } = this.window;
    let first = 0;
    return (this.groups ?? []).map(([name, size]) => {
      const [from, to] = [Math.max(c0, first), Math.min(c1, first + size)];
      const edge = first;
      first += size;
      if (from >= to) return nothing;
      const [middle, room] = [(this.y(from) + this.y(to)) / 2, this.y(to) - this.y(from)];
      const across = this.plotWidth + GAP + (this.marginals ? STRIP : 0);
      const written = this.hasNamedRows
        ? svg`<text x=${across + 6} y=${middle} dominant-baseline="central">${clip(name, LEVEL_NAMES + 8)}</text>`
        : svg`<text transform="translate(${across + 12},${middle}) rotate(90)" text-anchor="middle">${clip(name, room)}</text>`;
      return svg`
        ${edge > c0 && edge < c1 ? svg`<line class="separator" x1="0" x2=${this.plotWidth} y1=${this.y(edge)} y2=${this.y(edge)}></line>` : nothing}
        ${room > 12 ? written : nothing}`;
    });
  }

  private renderPins() {
    return this.pins
      .filter((c) => c >= this.window.c0 && c < this.window.c1)
      .map((c) => svg`<circle class="pin" cx="-2" cy=${this.y(c + 0.5)} r="2.5"></circle>`);
  }

  private renderLine() {
    let pen = "M";
    const path = (this.line ?? []).map((row, column) => {
      if (row === null) pen = "M";
      const point = row === null ? "" : `${pen}${this.x(column + 0.5)},${this.y(row + 0.5)}`;
      if (row !== null) pen = "L";
      return point;
    });
    const mark = this.mark === undefined ? null : this.x(this.mark + 0.5);
    return svg`
      ${path.length ? svg`<path class="line halo" d=${path.join("")}></path><path class="line" d=${path.join("")}></path>` : nothing}
      ${mark === null ? nothing : svg`<path class="mark" d="M${mark},0V${this.plotHeight}M${mark - 4},-6h8l-4,6z"></path>`}`;
  }

  private renderBoundaries() {
    const inside = (this.boundaries ?? []).filter((row) => row > this.window.c0 && row < this.window.c1);
    if (inside.length === 0) return nothing;
    const path = inside.map((row) => `M0,${this.y(row)}H${this.plotWidth}`).join("");
    return svg`<path class="boundary halo" d=${path}></path><path class="boundary" d=${path}></path>`;
  }

  private renderStrip() {
    return stretches(this.strip ?? []).map(
      ({ value, from, to }) =>
        svg`<rect class="strip" fill=${value} x=${this.x(from)} y=${-STRIPE - 1} width=${this.x(to) - this.x(from)} height=${STRIPE - 1}></rect>`,
    );
  }

  private renderCrosshair() {
    const { cursor, window } = this;
    if (!cursor || cursor.t < window.t0 || cursor.t >= window.t1) return nothing;
    const [across, row] = [this.x(cursor.t + 0.5), cursor.c];
    const down = row === null || row < window.c0 || row >= window.c1 ? null : this.y(row + 0.5);
    return svg`
      <line class="crosshair" x1=${across} x2=${across} y1=${this.marginals ? -GAP - STRIP : 0} y2=${this.plotHeight}></line>
      ${down === null ? nothing : svg`<line class="crosshair" x1="0" x2=${this.plotWidth} y1=${down} y2=${down}></line>`}`;
  }

  private renderMarked() {
    if (!this.marked) return nothing;
    const [one, other] = this.marked;
    const [left, right] = [this.x(Math.min(one.t, other.t)), this.x(Math.max(one.t, other.t) + 1)];
    const [top, bottom] = [this.y(Math.min(one.c, other.c)), this.y(Math.max(one.c, other.c) + 1)];
    return svg`<rect class="marked" x=${left} y=${top} width=${right - left} height=${bottom - top}></rect>`;
  }

  override updated(): void {
    if (this.width === 0) return;
    const ratio = globalThis.devicePixelRatio || 1;
    const size = [Math.round(this.plotWidth * ratio), Math.round(this.plotHeight * ratio)];
    const table = sharedTable(this.scale, this.map);
    const drawn = [this.tensor, table, ...Object.values(this.window), ...size];
    if (drawn.every((part, i) => part === this.painted[i])) return;
    this.painted = drawn;
    const canvas = this.renderRoot.querySelector("canvas") as HTMLCanvasElement;
    [canvas.width, canvas.height] = size;
    paint(canvas, this.tensor.codes, table, this.window);
  }

  asSvg(caption: string): string {
    const axes = this.renderRoot.querySelector("svg") as SVGSVGElement;
    return svgPicture(axes, this.renderRoot.querySelector("canvas") as HTMLCanvasElement, caption);
  }

  asPng(caption: string): Promise<Blob> {
    return pngPicture(this.asSvg(caption));
  }

  cellAt(event: MouseEvent): Cell {
    const { t0, t1, c0, c1 } = this.window;
    const canvas = (this.renderRoot.querySelector("canvas") as HTMLCanvasElement).getBoundingClientRect();
    const within = (share: number) => Math.min(0.999999, Math.max(0, share));
    const across = within((event.clientX - canvas.left) / canvas.width);
    const down = within((event.clientY - canvas.top) / canvas.height);
    return { t: Math.floor(t0 + across * (t1 - t0)), c: Math.floor(c0 + down * (c1 - c0)) };
  }

  private onWheel(event: WheelEvent): void {
    if (event.composedPath()[0] instanceof HTMLCanvasElement) this.gestures.onWheel(event);
  }
}

/** As much of a name as there is room for, in pixels. */
function clip(name: string, room: number): string {
  const most = Math.floor(room / 6);
  return name.length <= most ? name : `${name.slice(0, Math.max(1, most - 1))}…`;
}

customElements.define("rg-heatmap", RgHeatmap);
