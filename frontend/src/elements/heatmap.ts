import { css, html, LitElement, svg } from "lit";
import { channelName } from "../choices";
import type { Scale } from "../colour/scale";
import { type MapName, sharedTable } from "../colour/table";
import { integerTicks } from "../colour/ticks";
import type { Window } from "../data/pool";
import type { Tensor } from "../data/types";
import { paint } from "../views/painter";
import { type Cursor, tell } from "./events";
import { controls, hatch } from "./theme";

const LEFT = 46;
const BOTTOM = 34;
const TOP = 4;
const RIGHT = 8;

/** Height of the picture: enough for each row to be seen, within bounds that fit a screen. */
export function heatmapHeight(channels: number): number {
  return Math.min(360, Math.max(120, channels * 8));
}

/**
 * Channels x timesteps as colours. The canvas holds the cells and nothing else; axes lie around it.
 *
 * Click: pin the channel. With the keyboard: arrows move the cursor, Enter pins.
 */
export class RgHeatmap extends LitElement {
  static override properties = {
    tensor: { attribute: false },
    scale: { attribute: false },
    map: { type: String },
    window: { attribute: false },
    groups: { attribute: false },
    pins: { attribute: false },
    cursor: { attribute: false },
    width: { state: true },
  };
  static override styles = [
    controls,
    css`
      :host { display: block; position: relative; }
      canvas {
        position: absolute; left: ${LEFT}px; top: ${TOP}px; cursor: crosshair;
        background: ${hatch}, var(--rg-background); outline-offset: 2px;
      }
      svg { display: block; position: relative; pointer-events: none; overflow: hidden; }
      text { fill: var(--rg-muted); font-size: 11px; }
      .frame { fill: none; stroke: var(--rg-border); }
      .tick { stroke: var(--rg-muted); }
      .crosshair { stroke: var(--rg-crosshair); stroke-width: 1; opacity: 0.55; }
      .separator { stroke: var(--rg-crosshair); stroke-dasharray: 4 3; opacity: 0.7; }
      .pin { fill: var(--rg-accent); }
    `,
  ];

  declare tensor: Tensor;
  declare scale: Scale;
  declare map: MapName;
  declare window: Window;
  declare groups: [string, number][] | null;
  declare pins: number[];
  declare cursor: Cursor | null;
  declare width: number;

  private readonly observer = new ResizeObserver(([entry]) => {
    this.width = Math.floor(entry.contentRect.width);
  });
  private painted: unknown[] = [];

  constructor() {
    super();
    this.width = 0;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.observer.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.observer.disconnect();
  }

  private get plotWidth(): number {
    return Math.max(1, this.width - LEFT - RIGHT);
  }

  private get plotHeight(): number {
    return heatmapHeight(this.tensor.channels);
  }

  override render() {
    const [width, height] = [this.plotWidth, this.plotHeight];
    const { request } = this.tensor;
    return html`
      <canvas
        tabindex="0" role="img" style="width:${width}px;height:${height}px"
        aria-label="Heatmap of ${this.tensor.channels} channels by ${this.tensor.timesteps} timesteps, run ${request.run}, step ${request.step}. Arrow keys read single cells, Enter pins the channel."
        @pointermove=${this.onMove} @pointerleave=${() => tell(this, "rg-cursor", null)}
        @click=${this.onClick} @keydown=${this.onKey} @blur=${() => tell(this, "rg-cursor", null)}
      ></canvas>
      <svg width=${this.width} height=${height + TOP + BOTTOM} aria-hidden="true">
        <g transform="translate(${LEFT},${TOP})">
          <rect class="frame" x="-0.5" y="-0.5" width=${width + 1} height=${height + 1}></rect>
          ${this.renderTimeAxis()} ${this.renderChannelAxis()} ${this.renderGroups()} ${this.renderPins()}
          ${this.renderCrosshair()}
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
    const name = this.tensor.request.show !== undefined && this.groups === undefined ? "row" : "timestep";
    return svg`
      ${integerTicks(this.window.t0, this.window.t1, this.plotWidth / 60).map(
        (t) => svg`
          <line class="tick" x1=${this.x(t + 0.5)} x2=${this.x(t + 0.5)} y1=${bottom} y2=${bottom + 4}></line>
          <text x=${this.x(t + 0.5)} y=${bottom + 15} text-anchor="middle">${t}</text>`,
      )}
      <text x=${this.plotWidth / 2} y=${bottom + 30} text-anchor="middle">${name}</text>`;
  }

  private renderChannelAxis() {
    return svg`
      ${integerTicks(this.window.c0, this.window.c1, this.plotHeight / 24).map(
        (c) => svg`
          <line class="tick" x1="-4" x2="0" y1=${this.y(c + 0.5)} y2=${this.y(c + 0.5)}></line>
          <text x="-7" y=${this.y(c + 0.5)} text-anchor="end" dominant-baseline="central">${c}</text>`,
      )}
      <text transform="translate(-36,${this.plotHeight / 2}) rotate(-90)" text-anchor="middle">channel</text>`;
  }

  private renderGroups() {
    let first = 0;
    const edges = (this.groups ?? []).slice(0, -1).map(([, size]) => {
      first += size;
      return first;
    });
    return edges
      .filter((edge) => edge > this.window.c0 && edge < this.window.c1)
      .map(
        (edge) =>
          svg`<line class="separator" x1="0" x2=${this.plotWidth} y1=${this.y(edge)} y2=${this.y(edge)}></line>`,
      );
  }

  private renderPins() {
    return this.pins
      .filter((c) => c >= this.window.c0 && c < this.window.c1)
      .map((c) => svg`<circle class="pin" cx="-2" cy=${this.y(c + 0.5)} r="2.5"></circle>`);
  }

  private renderCrosshair() {
    const { cursor, window } = this;
    if (!cursor || cursor.t < window.t0 || cursor.t >= window.t1) return svg``;
    const [left, right] = [this.x(cursor.t + 0.5), this.plotWidth];
    const rows = cursor.c === null || cursor.c < window.c0 || cursor.c >= window.c1 ? null : cursor.c;
    return svg`
      <line class="crosshair" x1=${left} x2=${left} y1="0" y2=${this.plotHeight}></line>
      ${rows === null ? svg`` : svg`<line class="crosshair" x1="0" x2=${right} y1=${this.y(rows + 0.5)} y2=${this.y(rows + 0.5)}></line>`}`;
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

  private cellAt(event: PointerEvent | MouseEvent): { t: number; c: number } {
    const { t0, t1, c0, c1 } = this.window;
    const across = Math.min(0.999999, Math.max(0, event.offsetX / this.plotWidth));
    const down = Math.min(0.999999, Math.max(0, event.offsetY / this.plotHeight));
    return { t: Math.floor(t0 + across * (t1 - t0)), c: Math.floor(c0 + down * (c1 - c0)) };
  }

  private onMove(event: PointerEvent): void {
    tell(this, "rg-cursor", this.cellAt(event));
  }

  private onClick(event: MouseEvent): void {
    tell(this, "rg-pin", this.cellAt(event).c);
  }

  private onKey(event: KeyboardEvent): void {
    const { t0, t1, c0, c1 } = this.window;
    const at = { t: this.cursor?.t ?? t0, c: this.cursor?.c ?? c0 };
    const moves: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    if (event.key === "Enter") tell(this, "rg-pin", at.c);
    else if (event.key in moves) {
      const [across, down] = moves[event.key];
      const t = Math.min(t1 - 1, Math.max(t0, at.t + across));
      tell(this, "rg-cursor", { t, c: Math.min(c1 - 1, Math.max(c0, at.c + down)) });
    } else return;
    event.preventDefault();
  }

  /** What the axis calls a channel. */
  nameOf(channel: number): string {
    return channelName(channel, this.groups);
  }
}

customElements.define("rg-heatmap", RgHeatmap);
