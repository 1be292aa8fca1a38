import { css, html, LitElement, nothing } from "lit";
import type { Scale } from "../../colour/scale";
import type { MapName } from "../../colour/table";
import { breakable } from "../../components/base/breakable";
import { type Cursor, emit } from "../../components/base/events";
import { LiveReadout } from "../../components/base/live_readout";
import { card, controls } from "../../components/base/theme";
import type { Tensor } from "../../data/types";
import type { Window } from "../../data/window";
import { ofPicture, ofPython, ofTable } from "../../export/menu";
import { joined, samplesTable } from "../../export/numbers";
import { acrossSamples } from "../../maths/heatmap/across_samples";
import { read, timeName } from "../../maths/heatmap/readout";
import { windowOf } from "../../pictures/requests";
import "../../components/controls/export_menu";
import "../../components/controls/full_button";
import "../../components/controls/value_counts";
import { heatmapHeight, type RgHeatmap } from "../../components/heatmap/heatmap";
import "../../components/controls/message";
import "../../components/controls/pin_button";
import { chosenHeight } from "../../components/controls/resize_handle";
import { channelName } from "../../data/channel_groups";
import type { Series } from "../../data/series";
import { curvesPython } from "../../export/python";

/** A map of one channel of every kept sample: samples by timesteps. */
export class RgSampleMap extends LitElement {
  static override properties = {
    series: { attribute: false },
    colour: { type: String },
    samples: { attribute: false },
    waiting: { attribute: false },
    channel: { type: Number },
    wanted: { type: Number },
    scale: { attribute: false },
    map: { type: String },
    window: { attribute: false },
    cursor: { attribute: false },
    pinned: { type: Boolean },
    full: { type: Boolean },
    resized: { state: true },
  };
  static override styles = [controls, card, css`rg-health { margin-bottom: 4px; }`];

  declare series: Series;
  declare colour: string;
  /** The views of the samples that have arrived. */
  declare samples: Tensor[];
  /** What is still loading or failed, in words; empty if everything has arrived. */
  declare waiting: string;
  declare channel: number;
  /** The slider's step. */
  declare wanted: number;
  declare scale: Scale;
  declare map: MapName;
  declare window: Window | null;
  declare cursor: Cursor | null;
  declare pinned: boolean;

  /** Whether it fills the page. */
  declare full: boolean;
  /** The height that the user chose for its picture; 0 if none. */
  declare resized: number;

  private readonly spoken = new LiveReadout(this);

  constructor() {
    super();
    this.full = false;
    this.resized = 0;
  }

  override render() {
    const { series, samples } = this;
    const step = samples[0]?.request.step;
    const found = samples.length && !this.waiting ? acrossSamples(samples, this.channel) : this.waiting;
    return html`
      <header>
        <span class="swatch" style="background:${this.colour}"></span>
        <h3>${breakable(series.run)}</h3>
        <span class="step number">${step === undefined ? nothing : `step ${step}`} ${
          step === undefined || step === this.wanted
            ? nothing
            : html`<span class="muted">(nearest to ${this.wanted})</span>`
        }</span>
        <rg-full-button></rg-full-button>
        <rg-pin-button .series=${series} .pinned=${this.pinned}></rg-pin-button>
        ${typeof found === "string" ? nothing : html`<rg-export-menu .exports=${this.exportsOf(found)}></rg-export-menu>`}
      </header>
      <p class="muted">${breakable(series.tag)} · ${series.entry.metadata.title}, channel ${this.channelWords} of each kept sample</p>
      ${typeof found === "string" ? html`<rg-message heading="No picture yet">${found}</rg-message>` : this.renderMap(found)}
      <rg-resize-handle of="${series.run} ${series.tag}" .natural=${heatmapHeight(samples.length)} ?hidden=${this.full}></rg-resize-handle>
    `;
  }

  private get channelWords(): string {
    return channelName(this.channel, this.series.entry.metadata.channel_groups);
  }

  private renderMap(found: Tensor) {
    const { c0, c1 } = windowOf(found, null);
    const window = { ...windowOf(found, this.window && { ...this.window, c0, c1 }), c0, c1 };
    const { cursor } = this;
    const at = cursor && { t: cursor.t, c: cursor.s ?? null };
    return html`
      <rg-health .tensor=${found} .map=${this.map}></rg-health>
      <rg-heatmap
        .tall=${chosenHeight(this)} .tensor=${found} .scale=${this.scale} .map=${this.map} .window=${window} .axes=${{ timesteps: this.time, channels: "sample" }}
        .orientation=${"channels"} .groups=${null} .pins=${[]} .cursor=${at} .marginals=${true} .boundaries=${{}}
        @rg-cursor=${this.onCursor} @rg-set=${this.onZoom} @rg-pin=${(event: Event) => event.stopPropagation()}
      ></rg-heatmap>
      <div class="readout number" aria-live=${this.spoken.live}>${this.renderReadout(found)}</div>
    `;
  }

  private get time(): string {
    return this.samples[0].request.time ?? "timestep";
  }

  private renderReadout(found: Tensor) {
    const { cursor } = this;
    const reading = cursor?.s === undefined ? null : read(found, cursor.s, cursor.t);
    if (!cursor || !reading) return html`<span class="muted">Point at a cell to read it.</span>`;
    const time = timeName(cursor.t, found.request, this.channel);
    return html`<b>${reading.text}</b> <span class="muted">${reading.note} run ${this.series.run}, step ${found.request.step}, sample ${cursor.s}, ${time}, channel ${this.channelWords}</span>`;
  }

  private exportsOf(found: Tensor) {
    const { run, tag, step } = found.request;
    const name = joined(run, tag, `step${step}`, `channel${this.channel}`);
    const caption = `${run}, ${tag}, ${this.series.entry.metadata.title}, step ${step}, channel ${this.channelWords} of each kept sample`;
    return {
      ...ofPicture(name, caption, () => this.renderRoot.querySelector<RgHeatmap>("rg-heatmap")),
      ...ofTable(name, () => samplesTable(found, this.time)),
      ...ofPython(async (logdir) => {
        const lines = curvesPython(found.request, [this.channel], [0, found.timesteps], logdir);
        return `${lines}view = view[..., 0]  # [samples, ${this.time}s]\n`;
      }),
    };
  }

  /**
   * Translate the cursor: rows are channels in other pictures, so the cursor moves to this map's channel and
   * sample.
   */
  private onCursor(event: CustomEvent<Cursor | null>): void {
    event.stopPropagation();
    const at = event.detail;
    emit(this, "rg-cursor", at && { t: at.t, c: this.channel, s: at.c ?? undefined });
  }

  /** Zoom in time alone, because rows are samples. */
  private onZoom(event: CustomEvent<{ window?: Window | null }>): void {
    event.stopPropagation();
    const { window } = event.detail;
    const [first] = this.samples;
    if (window === undefined) return;
    const whole = window === null || (window.t0 === 0 && window.t1 === first.timesteps);
    emit(this, "rg-set", { window: whole ? null : { ...(window as Window), c0: 0, c1: first.channels } });
  }
}

customElements.define("rg-sample-map", RgSampleMap);
