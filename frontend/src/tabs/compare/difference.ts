import { css, html, LitElement, nothing } from "lit";
import { makeScale, type Scale } from "../../colour/scale";
import type { MapName } from "../../colour/table";
import { short } from "../../colour/ticks";
import type { Cursor } from "../../components/base/events";
import { LiveReadout } from "../../components/base/live_readout";
import { card, controls } from "../../components/base/theme";
import type { Tensor } from "../../data/types";
import type { Window } from "../../data/window";
import { numbersOf, ofNumbers, ofPicture, ofPython, pythonOf } from "../../export/menu";
import { fileName } from "../../export/numbers";
import type { Orientation } from "../../maths/heatmap/axes";
import { type Comparison, compare } from "../../maths/heatmap/compare";
import type { Order } from "../../maths/heatmap/order";
import { read, timeName } from "../../maths/heatmap/readout";
import { axesOf, windowOf } from "../../pictures/requests";
import "../../components/controls/colour_bar";
import "../../components/controls/export_menu";
import "../../components/controls/value_counts";
import "../../components/controls/full_button";
import { heatmapHeight, type RgHeatmap } from "../../components/heatmap/heatmap";
import "../../components/controls/message";
import { chosenHeight } from "../../components/controls/resize_handle";
import { channelName } from "../../data/channel_groups";
import type { Series } from "../../data/series";
import { extentOf, mapFor } from "../../pictures/scales";

export const COMPARED: Record<Comparison, { heading: string; label: string; python: string }> = {
  difference: { heading: "A − B", label: "", python: "a - b" },
  ratio: {
    heading: "log₁₀ |A| / |B|",
    label: "decades, above 0: A is larger",
    python: "np.log10(abs(a) / abs(b))",
  },
};

/** Compares two views cell by cell, on a colour scale of its own. */
export class RgDifference extends LitElement {
  static override properties = {
    series: { attribute: false },
    a: { attribute: false },
    b: { attribute: false },
    comparison: { type: String },
    chosen: { attribute: false },
    orientation: { type: String },
    order: { attribute: false },
    window: { attribute: false },
    pins: { attribute: false },
    cursor: { attribute: false },
    dark: { type: Boolean },
    full: { type: Boolean },
    resized: { state: true },
  };
  static override styles = [
    controls,
    card,
    css`
      header { margin-bottom: 4px; }
      h3 { flex: 1; }
    `,
  ];

  declare series: Series;
  declare a: Tensor | null;
  declare b: Tensor | null;
  declare comparison: Comparison;
  /** The colour map that the user chose. */
  declare chosen: MapName | null;
  declare orientation: Orientation;
  declare order: Order | null;
  declare window: Window | null;
  declare pins: number[];
  declare cursor: Cursor | null;
  declare dark: boolean;
  /** Whether it fills the page. */
  declare full: boolean;
  /** The height that the user chose for its picture; 0 if none. */
  declare resized: number;

  constructor() {
    super();
    this.full = false;
    this.resized = 0;
  }

  private readonly spoken = new LiveReadout(this);
  private compared: Tensor | string = "";

  override willUpdate(changed: Map<string, unknown>): void {
    if (!["a", "b", "comparison"].some((name) => changed.has(name))) return;
    const { a, b } = this;
    // While the time axis turns, one view may have arrived before the other.
    const comparable = a && b && a.request.time === b.request.time;
    this.compared = comparable ? compare(a, b, this.comparison) : "";
  }

  override render() {
    const steps = this.a && this.b ? `step ${this.a.request.step} against ${this.b.request.step}` : "";
    return html`
      <header>
        <h3>${COMPARED[this.comparison].heading} <span class="muted number">${steps}</span></h3>
        <rg-full-button></rg-full-button>
        ${typeof this.compared === "string" ? nothing : this.renderExport(this.compared)}
      </header>
      ${this.renderBody()}
      ${typeof this.compared === "string" ? nothing : this.renderHandle(this.compared)}
    `;
  }

  private renderHandle({ channels, timesteps }: Tensor) {
    return html`<rg-resize-handle of=${this.comparison} .natural=${heatmapHeight(this.orientation === "channels" ? channels : timesteps)} ?hidden=${this.full}></rg-resize-handle>`;
  }

  private renderExport(compared: Tensor) {
    const { order, comparison } = this;
    const [a, b] = [this.a, this.b] as [Tensor, Tensor];
    const seen = {
      tensor: compared,
      window: windowOf(compared, this.window),
      order,
      axes: axesOf(this.series, compared),
    };
    const name = `${fileName(a.request)}_${comparison}_${fileName(b.request)}`;
    const { low, high, name: scale } = this.scaleOf(compared);
    const caption = `${COMPARED[comparison].heading}, A: ${nameOf(a)}, B: ${nameOf(b)}; ${scale} from ${short(low)} to ${short(high)}`;
    const numbers = async () => {
      const sides = await Promise.all([a, b].map((tensor) => numbersOf({ ...seen, tensor })));
      const found = compare(sides[0], sides[1], comparison);
      if (typeof found === "string") throw new Error(found);
      return found;
    };
    const exports = {
      ...ofPicture(name, caption, () => this.renderRoot.querySelector<RgHeatmap>("rg-heatmap")),
      ...ofNumbers(name, numbers, seen),
      ...ofPython(async (logdir) => {
        const [first, second] = [a, b].map((tensor) => pythonOf({ ...seen, tensor }, logdir));
        return `import numpy as np\n${first}a = view\n\n${second}b = view\n\nview = ${COMPARED[comparison].python}\n`;
      }),
    };
    return html`<rg-export-menu .exports=${exports}></rg-export-menu>`;
  }

  private renderBody() {
    const { compared, series } = this;
    if (compared === "") return html`<rg-message heading="Loading …" .busy=${true}></rg-message>`;
    if (typeof compared === "string")
      return html`<rg-message heading="Not comparable">${compared}</rg-message>`;
    const scale = this.scaleOf(compared);
    const map = mapFor(scale, this.chosen, this.dark);
    return html`
      <rg-colour-bar .scale=${scale} .map=${map} .legend=${false} .width=${220} label=${COMPARED[this.comparison].label}></rg-colour-bar>
      <rg-health .tensor=${compared} .map=${map}></rg-health>
      <rg-heatmap
        .tall=${chosenHeight(this)} .tensor=${compared} .scale=${scale} .map=${map} .window=${windowOf(compared, this.window)}
        .axes=${axesOf(series, compared, compared.request)} .orientation=${this.orientation} .order=${this.order} .groups=${series.entry.metadata.channel_groups ?? null} .pins=${this.pins}
        .cursor=${this.cursor} .marginals=${false}
      ></rg-heatmap>
      <div class="readout number" aria-live=${this.spoken.live}>${this.renderReadout(compared)}</div>
    `;
  }

  /** The colour scale. Decades are linear already; differences span as many of them as gradients. */
  private scaleOf(compared: Tensor): Scale {
    const name = this.comparison === "ratio" ? "linear" : "symlog";
    return makeScale(extentOf(compared), { name, signed: true, limit: null, threshold: null });
  }

  private renderReadout(compared: Tensor) {
    const { cursor } = this;
    const reading = cursor && cursor.c !== null ? read(compared, cursor.c, cursor.t) : null;
    if (!cursor || !reading) return html`<span class="muted">Point at a cell to compare it.</span>`;
    const channel = channelName(cursor.c as number, this.series.entry.metadata.channel_groups);
    return html`<b>${reading.text}</b> <span class="muted">at ${timeName(cursor.t, compared.request, cursor.c as number, axesOf(this.series, compared))}, channel ${channel}</span>`;
  }
}

function nameOf({ request: { run, tag, step } }: Tensor): string {
  return `${run}, ${tag}, step ${step}`;
}

customElements.define("rg-difference", RgDifference);
