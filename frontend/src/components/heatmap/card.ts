import { css, html, LitElement, nothing } from "lit";
import type { Scale } from "../../colour/scale";
import type { MapName } from "../../colour/table";
import { short } from "../../colour/ticks";
import type { Loaded } from "../../data/resource";
import { REDUCTIONS, type Tensor } from "../../data/types";
import { contains, type Window } from "../../data/window";
import { ofPicture, ofView } from "../../export/menu";
import { fileName } from "../../export/numbers";
import type { Orientation } from "../../maths/heatmap/axes";
import type { Order } from "../../maths/heatmap/order";
import { read, timeName } from "../../maths/heatmap/readout";
import { axesOf, hasEveryChannel, windowOf } from "../../pictures/requests";
import { breakable } from "../base/breakable";
import type { Cursor } from "../base/events";
import { LiveReadout } from "../base/live_readout";
import { byValue } from "../base/memo";
import { card, controls } from "../base/theme";
import { renderSymbol } from "./symbol";
import "../controls/export_menu";
import "../controls/full_button";
import "../controls/value_counts";
import { heatmapHeight, type RgHeatmap } from "./heatmap";
import type { Boundaries } from "./marks";
import "../controls/message";
import "../controls/pin_button";
import { channelName } from "../../data/channel_groups";
import { isMatrix, isRaw } from "../../data/quantities";
import type { Series } from "../../data/series";
import { chosenHeight } from "../controls/resize_handle";

/** One tag of one run at one step: its heatmap with a label, counts of special values, and the cursor's readout. */
export class RgCard extends LitElement {
  static override properties = {
    series: { attribute: false },
    name: { type: String },
    heading: { type: String, reflect: true },
    colour: { type: String },
    step: { type: Number },
    wanted: { type: Number },
    loaded: { attribute: false },
    shown: { attribute: false },
    detail: { attribute: false },
    scale: byValue,
    map: { type: String },
    window: byValue,
    orientation: { type: String },
    order: { attribute: false },
    note: { type: String },
    boundaries: byValue,
    pins: byValue,
    cursor: byValue,
    pinned: { type: Boolean },
    full: { type: Boolean },
    resized: { state: true },
    marked: { type: Boolean, reflect: true },
  };
  static override styles = [
    controls,
    card,
    css`
      :host([marked]) { border-color: var(--rg-accent-text); box-shadow: 0 0 0 1px var(--rg-accent-text); }
      sub { font-size: 0.8em; line-height: 1; }
      :host([heading]:not([heading=""])) h3 { font-size: 12px; }
      .faded { opacity: 0.55; }
      rg-health { margin-bottom: 4px; }
    `,
  ];

  declare series: Series;
  /** Its name among other cards, such as "A" or "B"; empty if it has none. */
  declare name: string;
  declare colour: string;
  /** The kept step that `loaded` belongs to, and the step that the slider names. */
  declare step: number;
  declare wanted: number;
  declare loaded: Loaded<Tensor>;
  declare shown: Tensor | null;
  /** The window in more detail, if it has arrived. */
  declare detail: Tensor | null;
  declare scale: Scale;
  declare map: MapName;
  declare window: Window | null;
  declare orientation: Orientation;
  declare order: Order | null;
  /** Why the channels are not in the order the user chose; empty if they are. */
  declare note: string;
  declare boundaries: Boundaries;
  /** The pinned channels; null if channels cannot be pinned. */
  declare pins: number[] | null;
  declare cursor: Cursor | null;
  /** Whether it is shown first. */
  declare pinned: boolean;
  /** Whether the cursor is at its sample, among cards of other samples. */
  declare marked: boolean;

  /** Its name under a heading that it shares with other cards; empty if it has a heading of its own. */
  declare heading: string;

  /** Whether it fills the page. */
  declare full: boolean;
  /** The height that the user chose for its picture; 0 if none. */
  declare resized: number;

  private readonly spoken = new LiveReadout(this);

  constructor() {
    super();
    this.heading = "";
    this.full = false;
    this.resized = 0;
  }

  /** Its picture as SVG under its name, without a colour bar; empty if there is no picture. */
  async smallPicture(): Promise<string[]> {
    const heatmap = this.renderRoot.querySelector<RgHeatmap>("rg-heatmap");
    if (!heatmap) return [];
    await heatmap.drawNow();
    return [heatmap.asSvg(this.heading, false)];
  }

  override render() {
    const { run, tag, entry } = this.series;
    const { title, symbol, details } = entry.metadata;
    const { shown } = this;
    const reducedBy = typeof details?.reduced_by === "string" ? details.reduced_by : "";
    if (this.heading) return this.renderSmall(shown);
    return html`
      <header>
        <span class="swatch" style="background:${this.colour}"></span>
        <h3>${this.name ? html`<span class="name">${this.name}</span> ` : nothing}${breakable(run)}</h3>
        <span class="step number">${this.renderStep(shown)}</span>
        <rg-full-button></rg-full-button>
        <rg-pin-button .series=${this.series} .pinned=${this.pinned}></rg-pin-button>
        ${shown ? this.renderExport(shown) : nothing}
      </header>
      <p class="muted">${breakable(tag)} · ${title} ${renderSymbol(symbol)}${reducedBy ? ` · ${reducedBy}` : nothing}</p>
      ${this.renderBody(shown)}
      ${shown ? this.renderHandle(shown) : nothing}
    `;
  }

  /** The corner that resizes it. The samples of a tag, each in a card of its own, have one size. */
  private renderHandle({ channels, timesteps }: Tensor) {
    const { run, tag } = this.series;
    return html`<rg-resize-handle
      of=${[this.name, run, tag, this.heading ? "of several" : ""].filter(Boolean).join(" ")} .natural=${heatmapHeight(this.orientation === "channels" ? channels : timesteps)} ?hidden=${this.full}
    ></rg-resize-handle>`;
  }

  /** Renders it as one of several pictures under a heading that describes all of them. */
  private renderSmall(shown: Tensor | null) {
    const isElsewhere = (shown?.request.step ?? this.step) !== this.wanted;
    return html`
      <header>
        <h3>${this.heading}</h3>
        <span class="step number">${isElsewhere ? this.renderStep(shown) : nothing}</span>
        <rg-full-button></rg-full-button>
        ${shown ? this.renderExport(shown) : nothing}
      </header>
      ${this.renderBody(shown)}
      ${shown ? this.renderHandle(shown) : nothing}
    `;
  }

  private renderStep(shown: Tensor | null) {
    const step = shown?.request.step ?? this.step;
    if (this.loaded.status === "loading" && shown) {
      return html`step ${step} <span class="muted">(loading ${this.step} …)</span>`;
    }
    const nearest =
      step === this.wanted ? nothing : html`<span class="muted">(nearest to ${this.wanted})</span>`;
    return html`step ${step} ${nearest}`;
  }

  private renderBody(shown: Tensor | null) {
    if (this.loaded.status === "error") {
      return html`<rg-message heading="Step ${this.step} could not be loaded" .retry=${true}>${this.loaded.message}</rg-message>`;
    }
    if (!shown) return html`<rg-message heading="Loading step ${this.step} …" .busy=${true}></rg-message>`;
    const window = windowOf(shown, this.window);
    const detailed = this.detail && contains(this.detail.values.window, window) ? this.detail : shown;
    return html`
      <rg-health .tensor=${shown} .map=${this.map} .quiet=${this.heading !== ""} .raw=${isRaw(this.series.entry.metadata.quantity)}></rg-health>
      <rg-heatmap
        class=${this.loaded.status === "loading" ? "faded" : ""}
        @rg-pin=${(event: Event) => this.pins === null && event.stopPropagation()}
        .tall=${chosenHeight(this)} .tensor=${detailed} .scale=${this.scale} .map=${this.map} .window=${window}
        .axes=${axesOf(this.series, shown, shown.request)} .orientation=${this.orientation} .order=${this.orderOf(detailed)} .marginals=${!isRaw(this.series.entry.metadata.quantity)}
        .groups=${this.series.entry.metadata.channel_groups ?? null} .pins=${this.pins ?? []} .cursor=${this.cursor} .boundaries=${this.boundaries}
      ></rg-heatmap>
      <div class="readout number" aria-live=${this.spoken.live}>${this.renderReadout(detailed)}</div>
      ${this.note ? html`<p class="muted">${this.note}</p>` : nothing}
    `;
  }

  /** The order to draw. Blocks of several channels stay in numerical order until single channels have arrived. */
  private orderOf(tensor: Tensor): Order | null {
    return hasEveryChannel(tensor) ? this.order : null;
  }

  private renderExport(shown: Tensor) {
    const { run, tag, entry } = this.series;
    const { name, low, high } = this.scale;
    const axes = axesOf(this.series, shown);
    const title = [entry.metadata.title, axes.values].filter(Boolean).join(" ");
    const what = `${run}, ${tag}, ${title}, step ${shown.request.step}, ${this.showName(shown)}`;
    const caption = `${what}${this.order ? ", channels ordered" : ""}; ${this.map}, ${name} from ${short(low)} to ${short(high)}`;
    const exports = {
      ...ofPicture(fileName(shown.request), caption, () =>
        this.renderRoot.querySelector<RgHeatmap>("rg-heatmap"),
      ),
      ...ofView({
        tensor: shown,
        window: windowOf(shown, this.window),
        order: this.order,
        axes,
      }),
    };
    return html`<rg-export-menu .exports=${exports}></rg-export-menu>`;
  }

  private renderReadout(tensor: Tensor) {
    const { cursor } = this;
    const { step } = tensor.request;
    if (!cursor || cursor.c === null) {
      const how = this.pins
        ? "Point at a cell to read it; click to pin its channel."
        : "Point at a cell to read it.";
      return this.heading ? nothing : html`<span class="muted">${this.showName(tensor)}. ${how}</span>`;
    }
    const reading = read(tensor, cursor.c, cursor.t);
    const axes = axesOf(this.series, tensor);
    const time = timeName(cursor.t, tensor.request, cursor.c, axes);
    if (!reading) return html`<span class="muted">no ${axes.channels} ${cursor.c} or ${time} here</span>`;
    const channel = channelName(cursor.c, this.series.entry.metadata.channel_groups);
    return html`
      <b>${reading.text}</b>
      <span class="muted">
        ${reading.note} run ${this.series.run}, step ${step}, ${this.showName(tensor)}, ${time}, ${axes.channels} ${channel}
      </span>
    `;
  }

  /** Which samples are shown, in words. */
  private showName({ request: { show }, kept, batch }: Tensor): string {
    if (isMatrix(this.series)) return "the whole matrix";
    return typeof show === "number"
      ? `sample ${show} of ${batch}`
      : `${REDUCTIONS[show]} of ${kept} kept samples`;
  }
}

customElements.define("rg-card", RgCard);
