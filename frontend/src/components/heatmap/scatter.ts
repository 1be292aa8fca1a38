import { css, html, nothing, svg } from "lit";
import { placer, type Scale } from "../../colour/scale";
import { mapColours } from "../../colour/table";
import { exact, integerTicks, scaleTicks, short } from "../../colour/ticks";
import type { Tensor } from "../../data/types";
import { ofPicture, ofPython, ofTable, type Pictured } from "../../export/menu";
import { fileName, joined, pointsTable } from "../../export/numbers";
import { svgDots } from "../../export/picture";
import { nearestPoint, pointBeside } from "../../maths/points";
import { breakable } from "../base/breakable";
import { type Cursor, emit } from "../base/events";
import { LiveReadout } from "../base/live_readout";
import { SizedElement } from "../base/sized";
import { card, controls } from "../base/theme";
import "../controls/export_menu";
import "../controls/full_button";
import "../controls/pin_button";
import { channelName } from "../../data/channel_groups";
import type { Series } from "../../data/series";
import { pointsPython } from "../../export/python";
import { chosenHeight } from "../controls/resize_handle";

const LEFT = 58;
const RIGHT = 10;
const BOTTOM = 34;
const TOP = 10;
const HEIGHT = 240;
const RADIUS = 2.5;
/** Room beyond the ends of the scale, so that no point is cut. */
const PAD = 5;

/** Draws a record without a time axis: each sample's values, with a point for each channel, coloured by channel. */
export class RgScatter extends SizedElement implements Pictured {
  static override properties = {
    series: { attribute: false },
    name: { type: String },
    heading: { type: String },
    python: { attribute: false },
    colour: { type: String },
    samples: { attribute: false },
    step: { type: Number },
    wanted: { type: Number },
    scale: { attribute: false },
    pins: { attribute: false },
    cursor: { attribute: false },
    pinned: { type: Boolean },
    full: { type: Boolean },
    resized: { state: true },
  };
  static override styles = [
    controls,
    card,
    css`
      .plot { position: relative; }
      canvas { position: absolute; left: ${LEFT}px; top: ${TOP - PAD}px; cursor: crosshair; }
      svg { display: block; }
      text { fill: var(--rg-muted); font-size: 11px; }
      .grid { stroke: var(--rg-border); }
      .zero { stroke: var(--rg-muted); stroke-dasharray: 4 3; }
      .chosen, .pin { fill: none; stroke: var(--rg-crosshair); stroke-width: 1.5; }
      .pin { stroke: var(--rg-accent); }
    `,
  ];

  declare series: Series;
  /** Its name among other cards, shown before its run: "A". */
  declare name: string;
  /** Its heading, if it is not the run. */
  declare heading: string;
  /** Gives the Python that computes its values; null if the values are simply read. */
  declare python: ((logdir: string) => string) | null;
  declare colour: string;
  /** The views of the samples that have arrived, [channels, 1] each. */
  declare samples: Tensor[];
  declare step: number;
  declare wanted: number;
  declare scale: Scale;
  /** The pinned channels; null if channels cannot be pinned. */
  declare pins: readonly number[] | null;
  declare cursor: Cursor | null;
  /** Whether it is shown first. */
  declare pinned: boolean;
  /** Whether it fills the page. */
  declare full: boolean;
  /** The height that the user chose for its picture; 0 if none. */
  declare resized: number;

  private readonly spoken = new LiveReadout(this);

  constructor() {
    super();
    this.name = "";
    this.heading = "";
    this.python = null;
    this.full = false;
    this.resized = 0;
  }

  /** The index in `samples` of the sample pointed at, here or in another picture. */
  private get sample(): number | null {
    const place = this.samples.findIndex(({ request }) => request.show === this.cursor?.s);
    return place < 0 ? null : place;
  }

  private get tall(): number {
    return chosenHeight(this) || HEIGHT;
  }

  private get plotWidth(): number {
    return Math.max(1, this.width - LEFT - RIGHT);
  }

  private x(sample: number): number {
    return ((sample + 0.5) / this.samples.length) * this.plotWidth;
  }

  /** The distance of a value below the upper end of the scale, in pixels. */
  private y(value: number): number {
    return (1 - placer(this.scale)(value)) * this.tall;
  }

  override render() {
    const { run, tag, entry } = this.series;
    const count = this.samples.length;
    return html`
      <header>
        ${this.heading ? nothing : html`<span class="swatch" style="background:${this.colour}"></span>`}
        <h3>${this.name ? html`<span class="name">${this.name}</span> ` : nothing}${this.heading || breakable(run)}</h3>
        <span class="step number">
          step ${this.step} ${this.step === this.wanted ? "" : html`<span class="muted">(nearest to ${this.wanted})</span>`}
        </span>
        <rg-full-button></rg-full-button>
        ${this.heading ? nothing : html`<rg-pin-button .series=${this.series} .pinned=${this.pinned}></rg-pin-button>`}
        ${this.samples.length ? html`<rg-export-menu .exports=${this.exports}></rg-export-menu>` : nothing}
      </header>
      <p class="muted">${breakable(tag)} · ${entry.metadata.title}, without a time axis: ${this.heading ? "the first" : "all"} ${count} kept samples</p>
      <div class="plot">
        <svg width=${this.width} height=${this.tall + TOP + BOTTOM} aria-hidden="true">
          <g transform="translate(${LEFT},${TOP})">
            ${scaleTicks(this.scale, 0.09).map(
              (tick) => svg`
                <line class=${tick === 0 ? "zero" : "grid"} x1="0" x2=${this.plotWidth} y1=${this.y(tick)} y2=${this.y(tick)}></line>
                <text x="-6" y=${this.y(tick)} text-anchor="end" dominant-baseline="central">${short(tick)}</text>`,
            )}
            ${integerTicks(0, count, this.plotWidth / 40).map(
              (i) => svg`<text x=${this.x(i)} y=${this.tall + 15} text-anchor="middle">${i}</text>`,
            )}
            <text x=${this.plotWidth / 2} y=${this.tall + 30} text-anchor="middle">sample</text>
            ${this.renderPins()} ${this.renderChosen()}
          </g>
        </svg>
        <canvas
          style="width:${this.plotWidth}px;height:${this.tall + 2 * PAD}px" tabindex="0" role="application" aria-roledescription="scatter"
          aria-label="Values of ${count} samples, a point for each channel, run ${run}, step ${this.step}. Left and right go through samples, Home and End to the first and last, up and down through their points; Enter pins the channel."
          @pointermove=${this.onMove} @pointerleave=${this.onLeave} @click=${this.pin} @keydown=${this.onKey} @blur=${this.onLeave}
        ></canvas>
      </div>
      <div class="readout number" aria-live=${this.spoken.live}>${this.renderReadout()}</div>
      <rg-resize-handle of=${[this.name || this.heading, run, tag].filter(Boolean).join(" ")} .natural=${HEIGHT} ?hidden=${this.full}></rg-resize-handle>
    `;
  }

  private get exports() {
    const [{ request }] = this.samples;
    const name = joined(fileName({ ...request, show: "samples" }), ...(this.heading ? [this.heading] : []));
    const { run, tag, entry } = this.series;
    return {
      ...ofPicture(
        name,
        `${this.heading ? `${this.heading}, ` : ""}${run}, ${tag}, ${entry.metadata.title}, step ${request.step}`,
        () => this,
      ),
      ...ofTable(name, () => pointsTable(this.samples)),
      ...ofPython(async (logdir) => this.python?.(logdir) ?? pointsPython(request, logdir)),
    };
  }

  asSvg(caption: string): string {
    const axes = this.renderRoot.querySelector<SVGSVGElement>(".plot svg") as SVGSVGElement;
    const dots = this.points.map(({ x, y, fill }) => ({ x: LEFT + x, y: TOP + y, radius: RADIUS, fill }));
    return svgDots(axes, dots, caption);
  }

  /** The positions of the finite values, and their channels' colours. */
  private get points(): { x: number; y: number; fill: string }[] {
    const colours = mapColours("viridis");
    return this.samples.flatMap(({ values: { values } }, sample) =>
      Array.from(values).flatMap((value, channel) => {
        if (!Number.isFinite(value)) return [];
        const index = 3 * Math.floor((channel / values.length) * 256);
        return {
          x: this.x(sample),
          y: this.y(value),
          fill: `rgb(${colours.subarray(index, index + 3).join()})`,
        };
      }),
    );
  }

  /** Rings around pinned channels, in every sample. */
  private renderPins() {
    return this.samples.map((_, sample) =>
      (this.pins ?? []).map((channel) => this.renderRing("pin", sample, this.valueAt(sample, channel))),
    );
  }

  private renderChosen() {
    return this.renderRing("chosen", this.sample, this.valueAt(this.sample, this.cursor?.c));
  }

  private renderRing(name: string, sample: number | null, value: number | null) {
    if (sample === null || value === null || !Number.isFinite(value)) return svg``;
    return svg`<circle class=${name} cx=${this.x(sample)} cy=${this.y(value)} r=${RADIUS + 2.5}></circle>`;
  }

  private renderReadout() {
    const value = this.valueAt(this.sample, this.cursor?.c);
    if (value === null)
      return html`<span class="muted">Colours from the first channel (dark) to the last (bright)${this.pins?.length ? ", rings: pinned channels" : ""}. Point at a value to read it${this.pins ? "; click to pin its channel" : ""}.</span>`;
    const channel = channelName(this.cursor?.c as number, this.series.entry.metadata.channel_groups);
    return html`<b>${exact(value)}</b>
      <span class="muted">${this.heading || `run ${this.series.run}`}, step ${this.step}, sample ${this.sample}, channel ${channel}</span>`;
  }

  private valueAt(sample: number | null, channel: number | null | undefined): number | null {
    if (sample === null || channel === null || channel === undefined) return null;
    return this.samples[sample]?.values.values[channel] ?? null;
  }

  override updated(): void {
    if (this.width === 0) return;
    const ratio = globalThis.devicePixelRatio || 1;
    const canvas = this.renderRoot.querySelector("canvas") as HTMLCanvasElement;
    [canvas.width, canvas.height] = [
      Math.round(this.plotWidth * ratio),
      Math.round((this.tall + 2 * PAD) * ratio),
    ];
    const context = canvas.getContext("2d") as CanvasRenderingContext2D;
    context.scale(ratio, ratio);
    context.translate(0, PAD);
    for (const { x, y, fill } of this.points) {
      context.fillStyle = fill;
      context.beginPath();
      context.arc(x, y, RADIUS, 0, 2 * Math.PI);
      context.fill();
    }
  }

  /** Read the nearest point of the sample under the pointer. */
  private onMove(event: PointerEvent): void {
    const share = Math.min(0.999999, Math.max(0, event.offsetX / this.plotWidth));
    const sample = Math.floor(share * this.samples.length);
    const height = (value: number) => this.y(value);
    this.go(sample, nearestPoint(this.valuesOf(sample), height, event.offsetY - PAD));
  }

  private onKey(event: KeyboardEvent): void {
    const last = this.samples.length - 1;
    const at = this.sample ?? -1;
    const sample = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key];
    const way = ({ ArrowUp: 1, ArrowDown: -1 } as const)[event.key];
    if (event.key === "Enter") this.pin();
    else if (sample !== undefined) this.go(Math.min(last, Math.max(0, sample)), this.cursor?.c ?? 0);
    else if (way)
      this.go(Math.max(0, at), pointBeside(this.valuesOf(Math.max(0, at)), this.cursor?.c ?? null, way));
    else return;
    event.preventDefault();
  }

  private go(sample: number, channel: number | null): void {
    emit(this, "rg-cursor", { t: 0, c: channel, s: Number(this.samples[sample]?.request.show) });
  }

  private pin(): void {
    const channel = this.cursor?.c;
    if (this.pins && typeof channel === "number") emit(this, "rg-pin", { t: 0, c: channel });
  }

  private valuesOf(sample: number): ArrayLike<number> {
    return this.samples[sample]?.values.values ?? [];
  }

  private onLeave(): void {
    emit(this, "rg-cursor", null);
  }
}

customElements.define("rg-scatter", RgScatter);
