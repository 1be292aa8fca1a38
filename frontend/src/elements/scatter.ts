import { css, html, nothing, svg } from "lit";
import { channelName, type Series } from "../choices";
import { placer, type Scale } from "../colour/scale";
import { mapColours } from "../colour/table";
import { exact, integerTicks, scaleTicks, short } from "../colour/ticks";
import type { Tensor } from "../data/types";
import { ofPicture, ofPython, ofTable, type Pictured } from "../exports";
import { fileName, pointsPython, pointsTable } from "../views/export";
import { svgPicture } from "../views/picture";
import { type Cursor, tell } from "./events";
import { SizedElement } from "./sized";
import { card, controls } from "./theme";
import "./export_menu";
import "./pin_button";

const LEFT = 58;
const RIGHT = 10;
const BOTTOM = 34;
const TOP = 8;
const HEIGHT = 240;
const RADIUS = 2.5;

/** A record without a time axis: every sample's values, a point for each channel, coloured by channel. */
export class RgScatter extends SizedElement implements Pictured {
  static override properties = {
    series: { attribute: false },
    colour: { type: String },
    samples: { attribute: false },
    step: { type: Number },
    wanted: { type: Number },
    scale: { attribute: false },
    cursor: { attribute: false },
    pinned: { type: Boolean },
    sample: { state: true },
  };
  static override styles = [
    controls,
    card,
    css`
      .plot { position: relative; }
      canvas { position: absolute; left: ${LEFT}px; top: ${TOP}px; cursor: crosshair; }
      svg { display: block; }
      text { fill: var(--rg-muted); font-size: 11px; }
      .grid { stroke: var(--rg-border); }
      .zero { stroke: var(--rg-muted); stroke-dasharray: 4 3; }
      .chosen { fill: none; stroke: var(--rg-crosshair); stroke-width: 1.5; }
    `,
  ];

  declare series: Series;
  declare colour: string;
  /** The views of the samples that came already, [channels, 1] each. */
  declare samples: Tensor[];
  declare step: number;
  declare wanted: number;
  declare scale: Scale;
  declare cursor: Cursor | null;
  /** Whether it stands first. */
  declare pinned: boolean;
  /** Place in `samples` of the one pointed at. */
  declare sample: number | null;

  constructor() {
    super();
    this.sample = null;
  }

  private get plotWidth(): number {
    return Math.max(1, this.width - LEFT - RIGHT);
  }

  private x(sample: number): number {
    return ((sample + 0.5) / this.samples.length) * this.plotWidth;
  }

  private y(value: number): number {
    return (1 - placer(this.scale)(value)) * HEIGHT;
  }

  override render() {
    const { run, tag, entry } = this.series;
    const count = this.samples.length;
    return html`
      <header>
        <span class="swatch" style="background:${this.colour}"></span>
        <h3>${run}</h3>
        <span class="step number">
          step ${this.step} ${this.step === this.wanted ? "" : html`<span class="muted">(nearest to ${this.wanted})</span>`}
        </span>
        <rg-pin-button .series=${this.series} .pinned=${this.pinned}></rg-pin-button>
        ${this.samples.length ? html`<rg-export-menu .exports=${this.exports}></rg-export-menu>` : nothing}
      </header>
      <p class="muted">${tag} · ${entry.metadata.title}, without a time axis</p>
      <div class="plot">
        <svg width=${this.width} height=${HEIGHT + TOP + BOTTOM} aria-hidden="true">
          <g transform="translate(${LEFT},${TOP})">
            ${scaleTicks(this.scale, 0.09).map(
              (tick) => svg`
                <line class=${tick === 0 ? "zero" : "grid"} x1="0" x2=${this.plotWidth} y1=${this.y(tick)} y2=${this.y(tick)}></line>
                <text x="-6" y=${this.y(tick)} text-anchor="end" dominant-baseline="central">${short(tick)}</text>`,
            )}
            ${integerTicks(0, count, this.plotWidth / 40).map(
              (i) => svg`<text x=${this.x(i)} y=${HEIGHT + 15} text-anchor="middle">${i}</text>`,
            )}
            <text x=${this.plotWidth / 2} y=${HEIGHT + 30} text-anchor="middle">sample</text>
            ${this.renderChosen()}
          </g>
        </svg>
        <canvas
          style="width:${this.plotWidth}px;height:${HEIGHT}px" role="img"
          aria-label="Values of ${count} samples, a point for each channel, run ${run}, step ${this.step}"
          @pointermove=${this.onMove} @pointerleave=${this.onLeave}
        ></canvas>
      </div>
      <div class="readout number">${this.renderReadout()}</div>
    `;
  }

  private get exports() {
    const [{ request }] = this.samples;
    const name = fileName({ ...request, show: "samples" });
    const { run, tag, entry } = this.series;
    return {
      ...ofPicture(name, `${run}, ${tag}, ${entry.metadata.title}, step ${request.step}`, () => this),
      ...ofTable(name, () => pointsTable(this.samples)),
      ...ofPython(async (logdir) => pointsPython(request, logdir)),
    };
  }

  asSvg(caption: string): string {
    const [axes, points] = [
      this.renderRoot.querySelector<SVGSVGElement>(".plot svg"),
      this.renderRoot.querySelector("canvas"),
    ];
    return svgPicture(axes as SVGSVGElement, points as HTMLCanvasElement, caption);
  }

  private renderChosen() {
    const value = this.valueAt(this.sample, this.cursor?.c);
    if (value === null) return svg``;
    return svg`<circle class="chosen" cx=${this.x(this.sample as number)} cy=${this.y(value)} r=${RADIUS + 2.5}></circle>`;
  }

  private renderReadout() {
    const value = this.valueAt(this.sample, this.cursor?.c);
    if (value === null)
      return html`<span class="muted">Colours from the first channel (dark) to the last (bright).</span>`;
    const channel = channelName(this.cursor?.c as number, this.series.entry.metadata.channel_groups);
    return html`<b>${exact(value)}</b>
      <span class="muted">run ${this.series.run}, step ${this.step}, sample ${this.sample}, channel ${channel}</span>`;
  }

  private valueAt(sample: number | null, channel: number | null | undefined): number | null {
    if (sample === null || channel === null || channel === undefined) return null;
    return this.samples[sample]?.values.values[channel] ?? null;
  }

  override updated(): void {
    if (this.width === 0) return;
    const ratio = globalThis.devicePixelRatio || 1;
    const canvas = this.renderRoot.querySelector("canvas") as HTMLCanvasElement;
    [canvas.width, canvas.height] = [Math.round(this.plotWidth * ratio), Math.round(HEIGHT * ratio)];
    const context = canvas.getContext("2d") as CanvasRenderingContext2D;
    context.scale(ratio, ratio);
    const colours = mapColours("viridis");
    this.samples.forEach(({ values: { values } }, sample) => {
      values.forEach((value, channel) => {
        if (!Number.isFinite(value)) return;
        const index = 3 * Math.floor((channel / values.length) * 256);
        context.fillStyle = `rgb(${colours.subarray(index, index + 3).join()})`;
        context.beginPath();
        context.arc(this.x(sample), this.y(value), RADIUS, 0, 2 * Math.PI);
        context.fill();
      });
    });
  }

  /** The nearest point of the sample under the pointer. */
  private onMove(event: PointerEvent): void {
    const share = Math.min(0.999999, Math.max(0, event.offsetX / this.plotWidth));
    this.sample = Math.floor(share * this.samples.length);
    const values = this.samples[this.sample]?.values.values ?? [];
    let nearest: number | null = null;
    let distance = Number.POSITIVE_INFINITY;
    values.forEach((value, channel) => {
      const away = Math.abs(this.y(value) - event.offsetY);
      if (away < distance) [nearest, distance] = [channel, away];
    });
    tell(this, "rg-cursor", { t: 0, c: nearest });
  }

  private onLeave(): void {
    this.sample = null;
    tell(this, "rg-cursor", null);
  }
}

customElements.define("rg-scatter", RgScatter);
