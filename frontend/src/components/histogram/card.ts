import { css, html, LitElement, nothing } from "lit";
import type { Scale } from "../../colour/scale";
import type { MapName } from "../../colour/table";
import type { LoadedHistogram } from "../../data/histograms";
import type { Histogram } from "../../data/types";
import { ofPicture, ofPython, ofTable, type Pictured } from "../../export/menu";
import { joined } from "../../export/numbers";
import { svgStack } from "../../export/picture";
import { axisAt, binsAt, binsTable, countsOf, mostShare, stepsTable } from "../../maths/bins";
import type { OverSteps } from "../../state/options";
import { breakable } from "../base/breakable";
import { card, controls } from "../base/theme";
import "../controls/export_menu";
import "../controls/full_button";
import "../controls/value_counts";
import type { RgHistogram } from "./histogram";
import "./histogram";
import "../controls/message";
import "../controls/resize_handle";
import type { RgRidgelines } from "./ridgelines";
import "./ridgelines";
import type { Series } from "../../data/series";
import { histogramPython } from "../../export/python";

/** A histogram at one of its steps. */
export interface Now {
  histogram: Histogram;
  /** The index of the step in the histogram. */
  index: number;
}

/** The values of one tag of one run: a histogram for each channel group, at a step and over steps. */
export class RgDistributionCard extends LitElement implements Pictured {
  static override properties = {
    series: { attribute: false },
    colour: { type: String },
    samples: { type: String },
    wanted: { type: Number },
    now: { attribute: false },
    loaded: { attribute: false },
    history: { attribute: false },
    form: { type: String },
    scale: { attribute: false },
    map: { type: String },
    most: { type: Number },
    mostOverSteps: { type: Number },
    peaks: { attribute: false },
    height: { type: Number },
    dark: { type: Boolean },
    bare: { type: Boolean },
    full: { type: Boolean },
    resized: { state: true },
    reached: { state: true },
  };
  static override styles = [
    controls,
    card,
    css`
      .groups { display: grid; gap: 8px 16px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 270px), 1fr)); }
      h4 { font-size: 12px; font-weight: 500; margin: 4px 0 0; }
      .faded { opacity: 0.55; }
      .over { display: flex; justify-content: space-between; align-items: baseline; gap: 8px; margin-top: 4px; }
    `,
  ];

  declare series: Series;
  declare colour: string;
  /** Which samples are counted, in words. */
  declare samples: string;
  /** The slider's step. */
  declare wanted: number;
  declare now: Now | null;
  /** The histogram at the step, or the state of its loading. */
  declare loaded: LoadedHistogram;
  /** The histogram over steps; null if none is to be shown. */
  declare history: LoadedHistogram | null;
  declare form: OverSteps;
  declare scale: Scale;
  declare map: MapName;
  /** The share of cells that reaches the top, at a step and over steps. */
  declare most: number;
  declare mostOverSteps: number;
  /** The share of each channel group's own highest bar that reaches the top; null if the shares above apply to all. */
  declare peaks: number | null;
  /** Height of the histograms in pixels. */
  declare height: number;
  declare dark: boolean;
  /** Whether a card above already names the content. */
  declare bare: boolean;
  /** Whether it fills the page. */
  declare full: boolean;
  /** The height that the user chose for its picture; 0 if none. */
  declare resized: number;
  /**
   * The channel group whose histogram takes part in the Tab order. Only one does, so that Tab gets past many
   * quickly.
   */
  declare reached: number;

  constructor() {
    super();
    this.reached = 0;
    this.bare = false;
    this.peaks = null;
    this.full = false;
    this.resized = 0;
  }

  override render() {
    return html`
      ${this.bare ? nothing : this.renderHeading()}
      ${this.renderNow()} ${this.renderOverSteps()}
      ${this.bare ? nothing : html`<rg-resize-handle of=${run(this.series)} .natural=${this.height} ?hidden=${this.full}></rg-resize-handle>`}
    `;
  }

  private renderHeading() {
    const { run, tag, entry } = this.series;
    const step = this.now?.histogram.steps[this.now.index][0];
    return html`
      <header>
        <span class="swatch" style="background:${this.colour}"></span>
        <h3>${breakable(run)}</h3>
        <span class="step number">
          ${step === undefined ? nothing : `step ${step}`}
          ${step === undefined || step === this.wanted ? nothing : html`<span class="muted">(nearest to ${this.wanted})</span>`}
        </span>
        <rg-full-button></rg-full-button>
        ${step === undefined ? nothing : html`<rg-export-menu .exports=${this.exports}></rg-export-menu>`}
      </header>
      <p class="muted">${breakable(tag)} · ${entry.metadata.title}, ${this.samples}</p>
    `;
  }

  private get exports() {
    const { histogram, index } = this.now as Now;
    const [step] = histogram.steps[index];
    const name = joined(this.series.run, this.series.tag, `step${step}`, "histogram");
    return {
      ...ofPicture(name, `${this.caption}, step ${step}, ${this.samples}`, () => this),
      ...ofTable(name, () => binsTable(histogram, index)),
      ...ofPython(async (logdir) => histogramPython(histogram, [index], logdir)),
    };
  }

  private exportsOverSteps(histogram: Histogram) {
    const { series, samples } = this;
    const name = joined(series.run, series.tag, "histograms");
    const indices = histogram.steps.map((_, index) => index);
    const picture = { asSvg: (caption: string) => this.stacked("rg-ridgelines", caption) };
    return {
      ...ofPicture(name, `${this.caption}, over training, ${samples}`, () => picture),
      ...ofTable(name, () => stepsTable(histogram)),
      ...ofPython(async (logdir) => histogramPython(histogram, indices, logdir)),
    };
  }

  private get caption(): string {
    const { run, tag, entry } = this.series;
    return `${run}, ${tag}, ${entry.metadata.title}`;
  }

  /** Every histogram, with the pictures over steps, one below the other. */
  asSvg(caption: string): string {
    return this.stacked("rg-histogram, rg-ridgelines", caption);
  }

  private stacked(selector: string, caption: string): string {
    const plots = this.renderRoot.querySelectorAll<RgHistogram | RgRidgelines>(selector);
    const groupOf = (plot: Element) => plot.parentElement?.querySelector("h4")?.textContent ?? "";
    return svgStack(
      [...plots].map((plot) => plot.asSvg(groupOf(plot))),
      caption,
    );
  }

  private renderNow() {
    if (this.loaded.status === "error") {
      return html`<rg-message heading="The histogram could not be loaded" .retry=${true}>${this.loaded.message}</rg-message>`;
    }
    if (!this.now) return html`<rg-message heading="Counting …" .busy=${true}></rg-message>`;
    const { histogram, index } = this.now;
    const groups = binsAt(histogram, index);
    const reached = Math.min(this.reached, groups.length - 1);
    return html`<div
      class="groups ${this.loaded.status === "loading" ? "faded" : ""}" role="group" aria-label="Histograms of ${run(this.series)}"
      @focusin=${this.onFocus} @keydown=${this.onKey}
    >
      ${groups.map((bins, group) => {
        const name = histogram.groups?.[group][0] ?? "";
        const apart = histogram.apart[index][group];
        const counts = countsOf(bins.counts, apart);
        const beyond = apart.below + apart.above;
        return html`<div>
          ${name ? html`<h4>${name}</h4>` : nothing}
          <rg-health .tensor=${{ counts, narrowed: { flushed: 0, overflowed: 0 } }}></rg-health>
          ${beyond ? html`<p class="muted number">${beyond.toLocaleString("en")} beyond the axis</p>` : nothing}
          <rg-histogram
            .bins=${bins} .edges=${histogram.edges[group]} .axis=${axisAt(histogram, group)} .scale=${this.scale} .map=${this.map}
            .most=${this.peaks === null ? this.most : this.peaks * mostShare([bins])} .height=${this.resized || this.height} label=${[run(this.series), name].filter(Boolean).join(", ")}
            .several=${groups.length > 1} .reached=${group === reached}
          ></rg-histogram>
        </div>`;
      })}
    </div>`;
  }

  private get histograms(): RgHistogram[] {
    return [...this.renderRoot.querySelectorAll<RgHistogram>("rg-histogram")];
  }

  private onFocus(event: FocusEvent): void {
    this.reached = this.histograms.indexOf(event.target as RgHistogram);
  }

  /** Up and down go to the histogram of the previous or next group. Its sliders keep these keys for themselves. */
  private onKey(event: KeyboardEvent): void {
    const way = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const other = way && this.histograms[this.reached + way];
    if (!other || event.defaultPrevented) return;
    event.preventDefault();
    other.focus();
  }

  private renderOverSteps() {
    const { history } = this;
    if (!history) return nothing;
    if (history.status === "error") {
      return html`<rg-message heading="The histograms over steps could not be loaded" .retry=${true}>${history.message}</rg-message>`;
    }
    const histogram = history.last;
    if (!histogram) return html`<rg-message heading="Counting over steps …" .busy=${true}></rg-message>`;
    const { steps, keptSteps } = histogram;
    if (steps.length === 1)
      return html`<p class="muted">One step is kept: there is nothing to show over training.</p>`;
    const over = steps.map((_, step) => binsAt(histogram, step));
    const which =
      steps.length === keptSteps
        ? `all ${keptSteps} kept steps`
        : `${steps.length} of ${keptSteps} kept steps, evenly spaced`;
    return html`
      <div class="over">
        <p class="muted">Over training: ${which}. Click one to go there.</p>
        <rg-export-menu .exports=${this.exportsOverSteps(histogram)}></rg-export-menu>
      </div>
      <div class="groups ${history.status === "loading" ? "faded" : ""}">
        ${(histogram.groups ?? [["", 0]]).map(
          ([name], group) => html`<div>
            ${name ? html`<h4>${name}</h4>` : nothing}
            <rg-ridgelines
              .bins=${over.map((groups) => groups[group])} .edges=${histogram.edges[group]} .steps=${steps}
              .axis=${axisAt(histogram, group)} .most=${this.peaks === null ? this.mostOverSteps : this.peaks * mostShare(over.map((groups) => groups[group]))} .step=${this.wanted} .form=${this.form} .colour=${this.colour} .dark=${this.dark}
            ></rg-ridgelines>
          </div>`,
        )}
      </div>
    `;
  }
}

function run({ run, tag }: Series): string {
  return `${run}, ${tag}`;
}

/** The largest share in any bin of several histograms at their steps. */
export function mostAt(shown: readonly (Now | null)[]): number {
  return mostShare(shown.flatMap((now) => (now ? binsAt(now.histogram, now.index) : [])));
}

customElements.define("rg-distribution-card", RgDistributionCard);
