import { css, html, LitElement, nothing } from "lit";
import type { Scale } from "../../colour/scale";
import type { MapName } from "../../colour/table";
import { type Cursor, emit } from "../../components/base/events";
import type { Tensor } from "../../data/types";
import type { Window } from "../../data/window";
import type { Orientation } from "../../maths/heatmap/axes";
import type { Order } from "../../maths/heatmap/order";
import { read, timeName } from "../../maths/heatmap/readout";
import { axesOf, hasEveryChannel, windowOf } from "../../pictures/requests";
import "../../components/controls/full_button";
import { LiveReadout } from "../../components/base/live_readout";
import { card, controls } from "../../components/base/theme";
import { heatmapHeight, type RgHeatmap } from "../../components/heatmap/heatmap";
import "../../components/controls/message";
import { chosenHeight } from "../../components/controls/resize_handle";
import { channelName } from "../../data/channel_groups";
import type { Series } from "../../data/series";

/** One of the two pictures. */
export interface Side {
  series: Series;
  colour: string;
  tensor: Tensor;
  /** The step that the user chose. */
  wanted: number;
  scale: Scale;
  map: MapName;
}

interface Plot {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** The share of the picture by which a key moves the divider, and the share for Page Up and Page Down. */
const KEY_SHARE = 0.01;
const PAGE_SHARE = 0.1;

/** A over B in one picture: A left of a divider, B right of it. */
export class RgSwipe extends LitElement {
  static override properties = {
    a: { attribute: false },
    b: { attribute: false },
    share: { type: Number },
    orientation: { type: String },
    order: { attribute: false },
    window: { attribute: false },
    pins: { attribute: false },
    cursor: { attribute: false },
    plot: { state: true },
    full: { type: Boolean },
    resized: { state: true },
  };
  static override styles = [
    controls,
    card,
    css`
      header { flex-wrap: wrap; }
      header span { display: inline-flex; align-items: center; gap: 6px; }
      header span + span { margin-left: auto; }
      .pictures { position: relative; }
      .above { position: absolute; inset: 0; clip-path: inset(0 100% 0 0); }
      .divider {
        position: absolute; width: 17px; margin-left: -8px; cursor: ew-resize; touch-action: none;
        background: linear-gradient(var(--rg-crosshair), var(--rg-crosshair)) center / 3px 100% no-repeat;
      }
      .divider::after {
        content: "↔"; position: absolute; top: 50%; left: 50%; translate: -50% -50%; padding: 2px 5px; border-radius: 10px;
        background: var(--rg-crosshair); color: var(--rg-background); font-size: 12px; line-height: 1;
      }
      .readout span + span { margin-left: 16px; }
    `,
  ];

  declare a: Side;
  declare b: Side;
  /** The position of the divider, from 0 to 1. */
  declare share: number;
  declare orientation: Orientation;
  declare order: Order | null;
  declare window: Window | null;
  declare pins: number[];
  declare cursor: Cursor | null;
  /** Whether it fills the page. */
  declare full: boolean;
  /** The height that the user chose for its picture; 0 if none. */
  declare resized: number;
  /** The position of the cells, in pixels of the picture. */
  declare plot: Plot | null;

  private readonly spoken = new LiveReadout(this);
  private readonly observer = new ResizeObserver(([{ target }]) => this.measure(target as HTMLElement));

  constructor() {
    super();
    this.plot = null;
    this.full = false;
    this.resized = 0;
  }

  override render() {
    const { a, b } = this;
    if (a.tensor.channels !== b.tensor.channels || a.tensor.timesteps !== b.tensor.timesteps) {
      return html`<rg-message heading="Not comparable">
        A has ${a.tensor.channels} channels and ${a.tensor.timesteps} timesteps, B has ${b.tensor.channels} and ${b.tensor.timesteps}: one cannot lie over the other.
      </rg-message>`;
    }
    return html`
      <header>${this.renderName("A", a)} ${this.renderName("B", b)} <rg-full-button></rg-full-button></header>
      <div class="pictures">
        ${this.renderPicture(b, "")} ${this.renderPicture(a, "above")} ${this.renderDivider()}
      </div>
      <div class="readout number" aria-live=${this.spoken.live}>${this.renderReadout()}</div>
      <rg-resize-handle of="swipe" .natural=${heatmapHeight(this.orientation === "channels" ? a.tensor.channels : a.tensor.timesteps)} ?hidden=${this.full}></rg-resize-handle>
    `;
  }

  private renderName(name: string, { series, colour, tensor, wanted }: Side) {
    const { step } = tensor.request;
    const nearest = step === wanted ? nothing : html`<span class="muted">(nearest to ${wanted})</span>`;
    return html`<span>
      <b>${name}</b> <i class="swatch" style="background:${colour}"></i>
      <h3>${series.run}</h3> <span class="muted">${series.tag}</span> <span class="number">step ${step} ${nearest}</span>
    </span>`;
  }

  private renderPicture({ series, tensor, scale, map }: Side, where: "" | "above") {
    const clip = where && this.plot ? `clip-path:${clipped(this.plot, this.share)}` : "";
    return html`<rg-heatmap
      class=${where} style=${clip} .tall=${chosenHeight(this)} .tensor=${tensor} .scale=${scale} .map=${map} .window=${windowOf(tensor, this.window)}
      .axes=${axesOf(series, tensor, tensor.request)} .orientation=${this.orientation} .order=${hasEveryChannel(tensor) ? this.order : null} .groups=${series.entry.metadata.channel_groups ?? null} .pins=${this.pins}
      .cursor=${this.cursor} .marginals=${false}
    ></rg-heatmap>`;
  }

  private renderDivider() {
    const { plot } = this;
    if (!plot) return nothing;
    const percent = Math.round(100 * this.share);
    return html`<div
      class="divider" role="slider" tabindex="0" aria-label="Divider between A and B" aria-orientation="horizontal"
      aria-valuemin="0" aria-valuemax="100" aria-valuenow=${percent} aria-valuetext="A in the left ${percent} %"
      title="Drag, or arrow keys, Page Up and Page Down, Home and End; double-click for the middle"
      style="left:${plot.left + this.share * plot.width}px;top:${plot.top}px;height:${plot.height}px"
      @pointerdown=${(event: PointerEvent) => (event.target as Element).setPointerCapture(event.pointerId)}
      @pointermove=${this.onDrag} @keydown=${this.onKey} @dblclick=${() => this.go(0.5)}
    ></div>`;
  }

  private renderReadout() {
    const { cursor, a, b } = this;
    if (!cursor || cursor.c === null) {
      return html`<span class="muted">A lies left of the divider, B right of it. Point at a cell to read both.</span>`;
    }
    const { t, c } = cursor;
    const channel = channelName(c, a.series.entry.metadata.channel_groups);
    const value = ({ tensor }: Side) => read(tensor, c, t)?.text ?? "not here";
    return html`<span>A <b>${value(a)}</b></span><span>B <b>${value(b)}</b></span>
      <span class="muted">at ${timeName(t, a.tensor.request, c, axesOf(a.series, a.tensor))}, channel ${channel}</span>`;
  }

  /** Make the divider follow the cells of the lower picture wherever they move. */
  override async updated(): Promise<void> {
    const heatmap = this.renderRoot.querySelector<RgHeatmap>("rg-heatmap");
    await heatmap?.updateComplete;
    const cells = heatmap?.cells;
    if (cells) this.observer.observe(cells); // observing it again changes nothing
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.observer.disconnect();
  }

  private measure({ offsetLeft, offsetTop, offsetWidth, offsetHeight }: HTMLElement): void {
    this.plot = { left: offsetLeft, top: offsetTop, width: offsetWidth, height: offsetHeight };
  }

  private onDrag(event: PointerEvent): void {
    const { plot } = this;
    if (!plot || !(event.target as Element).hasPointerCapture(event.pointerId)) return;
    const pictures = this.renderRoot.querySelector(".pictures") as Element;
    this.go((event.clientX - pictures.getBoundingClientRect().left - plot.left) / plot.width);
  }

  private onKey(event: KeyboardEvent): void {
    const { share } = this;
    const target = {
      ArrowLeft: share - KEY_SHARE,
      ArrowDown: share - KEY_SHARE,
      ArrowRight: share + KEY_SHARE,
      ArrowUp: share + KEY_SHARE,
      PageDown: share - PAGE_SHARE,
      PageUp: share + PAGE_SHARE,
      Home: 0,
      End: 1,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    this.go(target);
  }

  private go(share: number): void {
    emit(this, "rg-set", { swipe: Math.min(1, Math.max(0, share)) });
  }
}

/** The clip path that keeps the cells left of the divider, and no axis. */
function clipped({ left, top, width, height }: Plot, share: number): string {
  return `inset(${top}px calc(100% - ${left + share * width}px) calc(100% - ${top + height}px) ${left}px)`;
}

customElements.define("rg-swipe", RgSwipe);
