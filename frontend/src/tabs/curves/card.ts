import { css, html, nothing, type PropertyValues } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { sampleColour } from "../../colour/samples";
import { SCALE_WORDS, type Scale } from "../../colour/scale";
import { short } from "../../colour/ticks";
import { breakable } from "../../components/base/breakable";
import type { Cursor } from "../../components/base/events";
import { LiveReadout } from "../../components/base/live_readout";
import { SizedElement } from "../../components/base/sized";
import { card, controls } from "../../components/base/theme";
import type { Tensor } from "../../data/types";
import type { Window } from "../../data/window";
import { ofPicture, ofPython, ofTable, type Pictured } from "../../export/menu";
import { fileName } from "../../export/numbers";
import { svgStack } from "../../export/picture";
import { MOST_CURVES, type Range, type Sampled } from "../../maths/curves";
import type { Card } from "../../pictures/cards";
import { curvesTable, svgParts } from "./export";
import { columnsOf, type KeyedPlots, onPlotKey } from "./keys";
import { renderPins, renderSamples } from "./legend";
import { HEIGHTS, type RgCurvesPlot } from "./plot";
import { renderReadout } from "./readout";
import { zoomByWheel } from "./time_zoom";
import "./plot";
import "../../components/controls/export_menu";
import "../../components/controls/full_button";
import "../../components/controls/value_counts";
import "../../components/controls/message";
import "../../components/controls/pin_button";
import "../../components/controls/resize_handle";
import { channelName } from "../../data/channel_groups";
import type { Series } from "../../data/series";
import { curvesPython } from "../../export/python";

/** Curves of one tag of one run at one step: a large plot of pinned channels above a grid of small plots. */
export class RgCurvesCard extends SizedElement implements Pictured, KeyedPlots {
  static override properties = {
    series: { attribute: false },
    colour: { type: String },
    wanted: { type: Number },
    cards: { attribute: false },
    details: { attribute: false },
    channels: { attribute: false },
    pins: { attribute: false },
    automatic: { type: Boolean },
    scale: { attribute: false },
    span: { attribute: false },
    window: { attribute: false },
    free: { type: Boolean },
    cursor: { attribute: false },
    note: { type: String },
    pinned: { type: Boolean },
    dark: { type: Boolean },
    full: { type: Boolean },
    resized: { state: true },
    focused: { state: true },
  };
  static override styles = [
    controls,
    card,
    css`
      .faded { opacity: 0.55; }
      .legend { display: flex; flex-wrap: wrap; gap: 2px 12px; margin: 4px 0; font-size: 12px; }
      .samples { display: grid; grid-template-columns: repeat(auto-fill, minmax(170px, 1fr)); } /* room for values: what lies below stays put */
      .legend span, .legend button { display: inline-flex; align-items: center; gap: 4px; white-space: nowrap; }
      .legend line { stroke-width: 3; }
      .legend .on { font-weight: 500; }
      .grid { display: grid; gap: 10px; grid-template-columns: repeat(auto-fill, minmax(min(100%, var(--least)), 1fr)); margin-top: 10px; }
      h4 { font-size: 12px; font-weight: 500; margin: 10px 0 0; }
      h4 .muted { font-weight: 400; }
      .readout { position: sticky; bottom: -12px; min-height: 40px; margin: 8px -12px -10px; padding: 4px 12px 8px; background: var(--rg-raised); border-top: 1px solid var(--rg-border); }
    `,
  ];

  declare series: Series;
  declare colour: string;
  declare wanted: number;
  /** The cards, one for each kept sample. */
  declare cards: Card[];
  /** For each sample, views of single channels at every timestep. */
  declare details: Tensor[][];
  /** The channels of the small plots, in their order. */
  declare channels: number[];
  declare pins: number[];
  /** Whether the page pinned the channel of the largest norm, because the user pinned none. */
  declare automatic: boolean;
  declare scale: Scale;
  declare span: Range;
  /** The window that all pictures are zoomed to; null for everything. */
  declare window: Window | null;
  /** Whether each plot's y axis ends at the plot's own values. */
  declare free: boolean;
  declare cursor: Cursor | null;
  declare note: string;
  declare pinned: boolean;
  declare dark: boolean;
  /** Whether it fills the page. */
  declare full: boolean;
  /** The height that the user chose for the large plot; 0 if none. */
  declare resized: number;
  /** The place of the small plot that has the keyboard's focus. */
  declare focused: number;

  private readonly spoken = new LiveReadout(this);
  /** The views drawn: all samples of one step, until all samples of the next have arrived. */
  private drawn: Tensor[] = [];

  constructor() {
    super();
    this.focused = 0;
    this.full = false;
    this.resized = 0;
    // Not in the template: a wheel listener that prevents scrolling must not be passive.
    this.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
  }

  get whole(): Window {
    const [{ channels, timesteps }] = this.drawn;
    return { c0: 0, c1: channels, t0: 0, t1: timesteps };
  }

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    const ready = this.cards.flatMap(({ loaded }) => (loaded.status === "ready" ? loaded.answer : []));
    if (ready.length === this.cards.length) this.drawn = ready;
    this.focused = Math.min(this.focused, Math.max(0, this.channels.length - 1));
  }

  protected override get reserved(): number {
    return 900;
  }

  override render() {
    const { run, tag, entry } = this.series;
    return html`
      <header>
        <span class="swatch" style="background:${this.colour}"></span>
        <h3>${breakable(run)}</h3>
        <span class="step number">${this.renderStep()}</span>
        <rg-full-button></rg-full-button>
        <rg-pin-button .series=${this.series} .pinned=${this.pinned}></rg-pin-button>
        ${this.drawn.length ? html`<rg-export-menu .exports=${this.exports}></rg-export-menu>` : nothing}
      </header>
      <p class="muted">${breakable(tag)} · ${entry.metadata.title}</p>
      ${this.renderBody()}
      <rg-resize-handle of="${run} ${tag}" .natural=${HEIGHTS.large} ?hidden=${this.full}></rg-resize-handle>
    `;
  }

  private renderStep() {
    const { request } = this.cards[0];
    const step = this.drawn[0]?.request.step ?? request.step;
    const ready = this.cards.filter(({ loaded }) => loaded.status === "ready").length;
    if (ready < this.cards.length)
      return html`step ${step} <span class="muted">(loading ${request.step}: ${ready} of ${this.cards.length} samples …)</span>`;
    return html`step ${step} ${step === this.wanted ? nothing : html`<span class="muted">(nearest to ${this.wanted})</span>`}`;
  }

  private renderBody() {
    const [first] = this.drawn;
    const absence = this.renderAbsence(first);
    if (absence) return absence;
    const stale = this.cards.some(({ loaded }) => loaded.status === "loading");
    const samples = this.drawn.map((tensor, i): Sampled => {
      return { sample: Number(tensor.request.show), views: [tensor, ...(this.details[i] ?? [])] };
    });
    return html`
      <div class=${stale ? "faded" : ""}>
        ${renderSamples(samples, first, this.cursor, this.dark)}
        ${this.renderPinned(samples)}
        ${this.renderGrid(samples)}
        ${this.note ? html`<p class="muted">${this.note}</p>` : nothing}
        <div class="readout number" aria-live=${this.spoken.live}>${renderReadout(this.series, samples, this.cursor, this.time)}</div>
      </div>
    `;
  }

  /** Why there are no curves, if there are none. */
  private renderAbsence(first: Tensor | undefined) {
    const failed = this.cards.find(({ loaded }) => loaded.status === "error");
    if (failed?.loaded.status === "error")
      return html`<rg-message heading="Sample ${failed.request.show} of step ${failed.request.step} could not be loaded" .retry=${true}>${failed.loaded.message}</rg-message>`;
    if (!first)
      return html`<rg-message heading="Loading step ${this.cards[0].request.step} …" .busy=${true}></rg-message>`;
    if (first.timesteps < 2)
      return html`<rg-message heading="One timestep makes no curve">This layer emits its last output alone; Heatmap shows its values as points.</rg-message>`;
    if (this.span[0] >= this.span[1])
      return html`<rg-message heading="No timestep is seen">This record has ${first.timesteps}; reset the zoom.</rg-message>`;
    return null;
  }

  private onWheel(event: WheelEvent): void {
    const onPlot = event
      .composedPath()
      .some((target) => target instanceof Element && target.matches("rg-curves-plot"));
    if (onPlot) zoomByWheel(event, this);
  }

  private renderPinned(samples: readonly Sampled[]) {
    const { pins } = this;
    if (pins.length === 0) {
      return html`<h4>Pinned channels <span class="muted">click a small plot, or press Enter on it, to see its channel here in large</span></h4>`;
    }
    return html`
      <h4>${this.pinnedWords} over ${this.time}s ${samples.length * pins.length > MOST_CURVES ? html`<span class="muted">median and bands from 5 to 95 % and from 25 to 75 % over samples</span>` : nothing}</h4>
      ${renderPins(pins, (channel) => this.nameOf(channel))}
      <rg-curves-plot
        large role="img" aria-label="Curves of channels ${pins.join(", ")} over ${this.time}s" .channels=${pins} .samples=${samples}
        .scale=${this.scale} .free=${this.free} .span=${this.span} .turned=${this.turned} .time=${this.time} .cursor=${this.cursor} .colour=${this.colour} .dark=${this.dark} .tall=${this.resized} .zoomed=${this}
      ></rg-curves-plot>
    `;
  }

  /** The content of the large plot, in words. */
  private get pinnedWords(): string {
    if (!this.automatic) return "Pinned channels";
    const [{ channels }] = this.drawn;
    const among = this.channels.length < channels ? " on this page" : "";
    return `The channel of the largest norm${among}`;
  }

  private renderGrid(samples: readonly Sampled[]) {
    const { channels, focused } = this;
    const least = channels.length <= 24 ? 230 : 150;
    return html`<h4>Each channel over ${this.time}s <span class="muted">${this.axisWords}</span></h4>
    <div
      class="grid" role="group" style="--least: ${least}px" @keydown=${(event: KeyboardEvent) => onPlotKey(event, this)}
      aria-label="Curves of each channel. Left and right read timesteps, up and down go to the plot above or below, with Shift left and right to the one beside; n and p choose a sample, Enter pins the channel; plus and minus zoom in time, 0 shows all."
    >
      ${repeat(
        channels,
        (channel) => channel,
        (channel, place) => html`<rg-curves-plot
          role="button" aria-label=${`channel ${this.nameOf(channel)}`} tabindex=${place === focused ? 0 : -1} aria-pressed=${this.pins.includes(channel) ? "true" : "false"} @focus=${() => (this.focused = place)}
          .name=${this.nameOf(channel)} .channels=${[channel]} .samples=${samples} .pinned=${this.pins.includes(channel)} .named=${this.free}
          .scale=${this.scale} .free=${this.free} .span=${this.span} .turned=${this.turned} .time=${this.time} .cursor=${this.cursor} .colour=${this.colour} .dark=${this.dark} .tall=${this.resized} .zoomed=${this}
        ></rg-curves-plot>`,
      )}
    </div>`;
  }

  private get exports() {
    const { series, span, time } = this;
    const [{ request, kept }] = this.drawn;
    const name = fileName({ ...request, show: "curves" });
    const samples = this.drawn.map(
      (tensor): Sampled => ({ sample: Number(tensor.request.show), views: [tensor] }),
    );
    const caption = `${series.run}, ${series.tag}, ${series.entry.metadata.title}, step ${request.step}, ${this.drawn.length === 1 ? `sample ${this.numbers[0]}` : `${this.drawn.length} samples`} over ${time}s; ${this.axisWords}`;
    return {
      ...ofPicture(name, caption, () => this),
      ...ofTable(name, () => curvesTable(samples, this.channels, span, time)),
      ...ofPython(async (logdir) =>
        curvesPython(request, this.channels, span, logdir, this.drawn.length < kept ? this.numbers : null),
      ),
    };
  }

  /** The large plot and all small ones of the page as SVG, including those out of view. */
  asSvg(caption: string): string {
    const style = getComputedStyle(this);
    const [text, muted, border] = ["--rg-text", "--rg-muted", "--rg-border"].map((name) =>
      style.getPropertyValue(name),
    );
    const pinned = this.renderRoot.querySelectorAll<RgCurvesPlot>("rg-curves-plot[large]");
    const parts = [[...pinned], this.plots].map((plots) => plots.map(({ plotted }) => plotted));
    const names = this.numbers.map((sample) => {
      return { label: `sample ${sample}`, colour: sampleColour(sample, this.dark) };
    });
    const layout = { columns: columnsOf(this.plots), width: this.width };
    return svgStack(svgParts(parts, names, layout, { text, muted, border }), caption);
  }

  /** The small plots. */
  get plots(): RgCurvesPlot[] {
    return [...this.renderRoot.querySelectorAll<RgCurvesPlot>(".grid rg-curves-plot")];
  }

  /** The numbers of the drawn samples. */
  get numbers(): number[] {
    return this.drawn.map(({ request }) => Number(request.show));
  }

  private nameOf(channel: number): string {
    return channelName(channel, this.series.entry.metadata.channel_groups);
  }

  /** How the y axes of the small plots are scaled, in words. */
  private get axisWords(): string {
    const { name, low, high } = this.scale;
    const of = SCALE_WORDS[name];
    return this.free
      ? `${of} y axes, each from its plot's least to its greatest value`
      : `${of} y axes, all from ${short(low)} to ${short(high)}`;
  }

  private get time(): "lag" | "timestep" {
    return this.cards[0].request.time ?? "timestep";
  }

  get turned(): boolean {
    return this.time === "lag";
  }
}

customElements.define("rg-curves-card", RgCurvesCard);
