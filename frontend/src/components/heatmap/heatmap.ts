import { css, html, nothing, svg } from "lit";
import type { Scale } from "../../colour/scale";
import { type MapName, sharedTable } from "../../colour/table";
import type { Tensor } from "../../data/types";
import type { Window } from "../../data/window";
import type { Pictured } from "../../export/menu";
import { svgPicture } from "../../export/picture";
import { type AxisNames, type Layout, layoutOf, type Orientation, type Pair } from "../../maths/heatmap/axes";
import { norms } from "../../maths/heatmap/norms";
import type { Order } from "../../maths/heatmap/order";
import { type Cursor, emit } from "../base/events";
import { byValue, Memo } from "../base/memo";
import { SizedElement } from "../base/sized";
import { controls, hatch } from "../base/theme";
import { renderAxes, renderGroups, renderPins, roomForNames } from "./axes";
import { Gestures, type Plot } from "./gestures";
import { type Marks, renderMarks, STRIPE } from "./marks";
import { GAP, NORMS_ABOVE, NORMS_BESIDE, renderNorms, STRIP } from "./norms";
import { type Pooled, paint, pooled } from "./painter";

/** Room around the cells, with axes and without. */
const LEFT = 46;
const BOTTOM = 34;
const BARE = 10;

/** Height of the cells: enough to see each row, within bounds that fit a screen. */
export function heatmapHeight(rows: number): number {
  return Math.min(360, Math.max(120, rows * 8));
}

/**
 * Draws channels and timesteps as colours, either of them vertical, with the norms of rows and columns beside
 * them.
 *
 * The canvas holds only the cells; the axes lie around it.
 */
export class RgHeatmap extends SizedElement implements Plot, Pictured, Marks {
  static override properties = {
    tensor: { attribute: false },
    scale: byValue,
    map: { type: String },
    window: byValue,
    axes: byValue,
    orientation: { type: String },
    order: { attribute: false },
    groups: byValue,
    pins: byValue,
    cursor: byValue,
    marginals: { type: Boolean },
    mark: { attribute: false },
    line: { attribute: false },
    strip: { attribute: false },
    boundaries: { attribute: false },
    tall: { type: Number },
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
      .separator { stroke: var(--rg-crosshair); stroke-dasharray: 4 3; }
      .under { stroke: var(--rg-background); stroke-width: 2; opacity: 0.8; }
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
  /** The visible places. With an order these are not channel numbers. */
  declare window: Window;
  declare axes: AxisNames;
  declare orientation: Orientation;
  /** The order of the channels, for a view of single cells; null for numerical order. */
  declare order: Order | null;
  declare groups: [string, number][] | null;
  declare pins: number[];
  declare cursor: Cursor | null;
  /** Whether to draw norms. Logarithms have none. */
  declare marginals: boolean;
  declare mark: Marks["mark"];
  declare line: Marks["line"];
  declare strip: Marks["strip"];
  declare boundaries: Marks["boundaries"];
  /** The least height of the cells, in pixels. */
  declare tall: number;
  declare marked: [Pair, Pair] | null;

  private readonly gestures = new Gestures(this);
  private readonly strips = new Memo<unknown>();
  private readonly pooled = new Memo<Pooled | null>();
  private readonly painted = new Memo<void>();

  constructor() {
    super();
    this.orientation = "channels";
    this.order = null;
    this.tall = 0;
    this.marked = null;
    // Not in the template: a wheel listener that prevents scrolling must not be passive.
    this.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
  }

  get whole(): Window {
    return { c0: 0, c1: this.tensor.channels, t0: 0, t1: this.tensor.timesteps };
  }

  get sample(): number | undefined {
    const { show } = this.tensor.request;
    return typeof show === "number" ? show : undefined;
  }

  /** Where cells lie, in pixels of the canvas. */
  get layout(): Layout {
    const { orientation, order, tensor, groups } = this;
    const channelsDown = orientation === "channels";
    const right = (this.marginals ? NORMS_BESIDE : BARE) + roomForNames(groups, orientation).beside;
    const width = Math.max(1, this.width - LEFT - right);
    const height = this.tall || heatmapHeight(channelsDown ? tensor.channels : tensor.timesteps);
    return layoutOf(this.window, width, height, { orientation, order, byLag: tensor.request.time === "lag" });
  }

  private get top(): number {
    const above = this.marginals ? NORMS_ABOVE : BARE + (this.strip ? STRIPE : 0);
    return above + roomForNames(this.groups, this.orientation).above;
  }

  /** The canvas of the cells; null before the first update. */
  get cells(): HTMLCanvasElement | null {
    return this.renderRoot.querySelector("canvas");
  }

  protected override get reserved(): number {
    return this.top + this.layout.down.length + BOTTOM;
  }

  override render() {
    const { layout, top } = this;
    const [width, height] = [layout.across.length, layout.down.length];
    const { request, channels, timesteps } = this.tensor;
    return html`
      <canvas
        tabindex="0" role="application" aria-roledescription="heatmap" style="left:${LEFT}px;top:${top}px;width:${width}px;height:${height}px"
        aria-label="Heatmap, ${this.axes.channels} (${channels}) by ${this.axes.timesteps} (${timesteps}), ${this.orientation} on the vertical axis, run ${request.run}, step ${request.step}. Arrow keys read single cells, Enter chooses one; plus, minus and brackets zoom, Shift and arrows move, 0 shows all."
        @pointerdown=${this.gestures.onDown} @pointermove=${this.gestures.onMove} @pointerup=${this.gestures.onUp}
        @pointercancel=${this.gestures.onCancel} @pointerleave=${this.gestures.onLeave}
        @dblclick=${() => emit(this, "rg-set", { window: null })}
        @keydown=${this.gestures.onKey} @blur=${() => emit(this, "rg-cursor", null)}
      ></canvas>
      <svg width=${this.width} height=${this.reserved} aria-hidden="true">
        <g transform="translate(${LEFT},${top})">
          <rect class="frame" x="-0.5" y="-0.5" width=${width + 1} height=${height + 1}></rect>
          ${renderAxes(layout, this.axes)} ${this.renderNorms(layout)}
          ${renderGroups(layout, this.groups ?? [], this.beyondNorms)} ${renderPins(layout, this.pins)}
          ${renderMarks(layout, this)} ${this.renderCrosshair(layout)} ${this.renderMarked(layout)}
        </g>
      </svg>
    `;
  }

  /** The distance from the cells to the outer edge of the norms. */
  private get beyondNorms(): number {
    return this.marginals ? GAP + STRIP : 0;
  }

  /** Norms of rows and columns, kept between moves of the cursor. */
  private renderNorms(layout: Layout) {
    if (!this.marginals) return nothing;
    const { values } = this.tensor;
    const from = [this.tensor, this.width, this.orientation, this.order, ...Object.values(this.window)];
    return this.strips.of(from, () => renderNorms(layout, norms(values, this.window, this.order)));
  }

  private renderCrosshair({ across, down }: Layout) {
    const { cursor } = this;
    if (!cursor || cursor.t < this.window.t0 || cursor.t >= this.window.t1) return nothing;
    const middle = (axis: Layout["across"]) => {
      const cell = cursor[axis.dimension];
      return cell === null ? null : axis.middle(cell);
    };
    const [x, y] = [middle(across), middle(down)];
    return svg`
      ${x === null ? nothing : svg`<line class="crosshair" x1=${x} x2=${x} y1=${-this.beyondNorms} y2=${down.length}></line>`}
      ${y === null ? nothing : svg`<line class="crosshair" x1="0" x2=${across.length} y1=${y} y2=${y}></line>`}`;
  }

  private renderMarked({ across, down }: Layout) {
    if (!this.marked) return nothing;
    const [one, other] = this.marked;
    const [[left, right], [top, bottom]] = [across, down].map((axis) => {
      const [a, b] = [one[axis.dimension], other[axis.dimension]];
      return axis.span(Math.min(a, b), Math.max(a, b) + 1);
    });
    return svg`<rect class="marked" x=${left} y=${top} width=${right - left} height=${bottom - top}></rect>`;
  }

  override updated(): void {
    const canvas = this.cells;
    if (this.width === 0 || !canvas) return;
    const { layout } = this;
    const ratio = globalThis.devicePixelRatio || 1;
    const [width, height] = [layout.across, layout.down].map(({ length }) => Math.round(length * ratio));
    const { codes } = this.tensor;
    const from = [codes, this.orientation, this.order, ...Object.values(this.window), width, height];
    const shown = this.pooled.of(from, () => pooled(codes, layout, [width, height]));
    const table = sharedTable(this.scale, this.map);
    this.painted.of([shown, table], () => {
      if (canvas.width !== width) canvas.width = width;
      if (canvas.height !== height) canvas.height = height;
      paint(canvas, codes, shown, table, layout);
    });
  }

  /** The picture as SVG. Pass `hasBar = false` for a part of a figure that has a colour bar already. */
  asSvg(caption: string, hasBar = true): string {
    const axes = this.renderRoot.querySelector("svg") as SVGSVGElement;
    return svgPicture(axes, this.cells as HTMLCanvasElement, caption, this, hasBar);
  }

  placeAt(event: MouseEvent): Pair {
    const { across, down, t } = this.layout;
    const canvas = (this.cells as HTMLCanvasElement).getBoundingClientRect();
    const x = across.placeAt(((event.clientX - canvas.left) / canvas.width) * across.length);
    const y = down.placeAt(((event.clientY - canvas.top) / canvas.height) * down.length);
    return t === across ? { t: x, c: y } : { t: y, c: x };
  }

  private onWheel(event: WheelEvent): void {
    if (event.composedPath()[0] instanceof HTMLCanvasElement) this.gestures.onWheel(event);
  }
}

customElements.define("rg-heatmap", RgHeatmap);
