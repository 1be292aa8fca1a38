import { css, html, nothing, unsafeCSS } from "lit";
import uPlot from "uplot";
import uPlotStyle from "uplot/dist/uPlot.min.css";
import type { Scale } from "../../colour/scale";
import { ofPicture, ofTable, type Pictured } from "../../export/menu";
import { joined } from "../../export/numbers";
import { type Folded, folded } from "../../maths/fold_lines";
import type { XAxis } from "../../maths/over_training";
import { type Cursor, emit } from "../base/events";
import { Memo } from "../base/memo";
import { linesTable, svgLines } from "./export";
import { drawnLines, heightsOn } from "./lines";
import { leastColumn, renderReadout } from "./readout";
import { drawBoundaries, isPoint, type Line, plotOptions } from "./uplot_options";
import "../controls/export_menu";
import "../controls/full_button";
import "../controls/resize_handle";
import { LiveReadout } from "../base/live_readout";
import { SizedElement } from "../base/sized";
import { card, controls } from "../base/theme";
import { HELP } from "../controls/help";

const HEIGHT = 170;
/** The properties that change as views arrive. */
const DRAWN = ["lines", "scale", "span"];

/** Draws curves over timesteps of one channel, with a line per run. Its y axis is the colour scale. */
export class RgCurve extends SizedElement implements Pictured {
  static override properties = {
    heading: { type: String },
    channel: { type: Number },
    lines: { attribute: false },
    scale: { attribute: false },
    span: { attribute: false },
    xs: { attribute: false },
    axis: { type: String },
    across: { type: String },
    note: { type: String },
    gap: { type: String },
    boundaries: { attribute: false },
    turned: { type: Boolean },
    cursor: { attribute: false },
    dark: { type: Boolean },
    coming: { type: Boolean },
    full: { type: Boolean },
    resized: { state: true },
  };
  static override styles = [
    unsafeCSS(uPlotStyle),
    controls,
    card,
    css`
      h3 { flex: 1; }
      .faded { opacity: 0.55; }
      /* Columns have room for values, so that what lies below stays put. */
      .values { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, var(--least)), 1fr)); gap: 0 12px; font-size: 12px; min-height: 18px; }
      .values > span { overflow-wrap: anywhere; }
      .values svg { margin-right: 4px; vertical-align: middle; }
      .values .on { color: var(--rg-accent-text); }
      svg line { stroke-width: 3; }
    `,
  ];

  declare heading: string;
  /** The channel; null if the curves do not belong to a single one. */
  declare channel: number | null;
  /** What was done to the lines, such as smoothing; empty if nothing. */
  declare note: string;
  declare lines: Line[];
  declare scale: Scale;
  /** The first timestep, and the one after the last. */
  declare span: [number, number];
  /** The numbers on the x axis; null for the timesteps' numbers. */
  declare xs: number[] | null;
  /** The name of the x axis, whether its numbers are times, and what a gap in a line means. */
  declare axis: string;
  declare across: XAxis;
  declare gap: string;
  /** Where to draw vertical lines, in numbers of the x axis. */
  declare boundaries: readonly number[];
  /** Whether the x axis runs from right to left, as lags do beside time. */
  declare turned: boolean;
  declare cursor: Cursor | null;
  declare dark: boolean;
  /** Whether more lines are on their way. The plot stays as it is until all have arrived. */
  declare coming: boolean;

  /** Whether it fills the page. */
  declare full: boolean;
  /** The height that the user chose for its picture; 0 if none. */
  declare resized: number;

  private readonly spoken = new LiveReadout(this);
  private readonly folds = new Memo<Folded | null>();
  private plot: uPlot | null = null;
  private shape = "";
  private pointed = false;

  constructor() {
    super();
    this.axis = "timestep";
    this.across = "step";
    this.note = "";
    this.turned = false;
    this.gap = "padding";
    this.boundaries = [];
    this.coming = false;
    this.full = false;
    this.resized = 0;
  }

  /** Redraw: text on a canvas keeps the font that it was drawn in. */
  private readonly onFonts = () => this.plot?.redraw(false, true);

  override connectedCallback(): void {
    super.connectedCallback();
    document.fonts.addEventListener("loadingdone", this.onFonts);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.fonts.removeEventListener("loadingdone", this.onFonts);
    this.plot?.destroy();
    this.plot = null;
    this.shape = "";
  }

  override render() {
    const { drawn, cursor, xs, axis, across, gap, heading } = this;
    const named = heading.includes(axis) || heading.includes("over training");
    return html`
      <header>
        <h3>${this.heading}${this.note ? html` <span class="muted">${this.note}</span>` : nothing}</h3>
        ${
          this.channel === null
            ? nothing
            : html`<button class="link" aria-label="Unpin ${this.heading}" aria-description=${HELP.unpin} @click=${this.onUnpin}>unpin</button>`
        }
        <rg-full-button></rg-full-button>
        <rg-export-menu .exports=${this.exports}></rg-export-menu>
      </header>
      <div
        style="height:${this.tall}px" class="plot ${this.coming && this.plot ? "faded" : ""}" tabindex="0" role="application" aria-roledescription="curves"
        aria-label="Curves: ${heading}${named ? "" : ` over ${axis}s`}. Arrow keys, Home and End read the values."
        @keydown=${this.onKey} @blur=${() => emit(this, "rg-cursor", null)}
      ></div>
      <div class="values number" style="--least:${leastColumn(drawn)}px" aria-live=${this.spoken.live}>
        ${renderReadout({ lines: drawn, cursor, xs, axis, across, gap })}
      </div>
      <rg-resize-handle of=${this.heading.replace(/step \d+/, "a step")} .natural=${HEIGHT} ?hidden=${this.full}></rg-resize-handle>
    `;
  }

  protected override shouldUpdate(changed: Map<string, unknown>): boolean {
    return !this.waits || [...changed.keys()].some((name) => !DRAWN.includes(name));
  }

  /** Whether to wait: redrawing for each of many arriving views would block the page. */
  private get waits(): boolean {
    return this.coming && this.plot !== null;
  }

  override updated(changed: Map<string, unknown>): void {
    if (!this.waits) this.draw(changed);
    if (["width", "full", "resized"].some((name) => changed.has(name)) && this.width > 0)
      this.plot?.setSize({ width: this.width, height: this.tall });
    this.showCursor();
  }

  private draw(changed: Map<string, unknown>): void {
    const looks = this.drawn.map((line) => [line.colour, line.dash, line.label, !line.band, isPoint(line)]);
    const shape = JSON.stringify([
      looks,
      this.scale.name,
      this.dark,
      this.boundaries,
      this.turned,
      this.across,
    ]);
    if (shape !== this.shape) {
      this.plot?.destroy();
      this.shape = shape;
      this.plot = this.build();
    }
    if ([...DRAWN, "coming"].some((name) => changed.has(name)) || this.drawn !== this.lines) this.show();
  }

  /** Give the plot its numbers and ends. This takes a fraction of the time that a new plot takes. */
  private show(): void {
    const { plot, scale } = this;
    plot?.batch(() => {
      // Reset the ends, so that uPlot computes y again: they may be equal while the threshold differs.
      Object.assign(plot.scales.y, { asinh: scale.threshold, min: null });
      plot.setData(this.data(), false);
      plot.setScale("y", { min: scale.low, max: scale.high });
      plot.setScale("x", this.xRange());
    });
  }

  /** Height of the plot. */
  private get tall(): number {
    return this.full ? Math.max(HEIGHT, window.innerHeight - 140) : this.resized || HEIGHT;
  }

  private get drawn(): readonly Line[] {
    const { lines, cursor } = this;
    const many = this.folds.of([lines], () => folded(lines));
    const muted = many ? getComputedStyle(this).getPropertyValue("--rg-muted").trim() : "";
    return drawnLines(lines, many, cursor?.s, muted);
  }

  private get exports() {
    const name = joined(this.heading);
    const caption = [this.heading, this.note].filter(Boolean).join(", ");
    return { ...ofPicture(name, caption, () => this), ...ofTable(name, () => linesTable(this.lines, this)) };
  }

  /** The plot as SVG paths, laid out as on the page. */
  asSvg(caption: string): string {
    return svgLines(this.plot as uPlot, this.drawn, this, caption);
  }

  private showCursor(): void {
    const { plot, cursor } = this;
    if (!plot || this.pointed) return;
    const left = cursor ? plot.valToPos(this.xs?.[cursor.t] ?? cursor.t, "x") : -10;
    plot.setCursor({ left, top: cursor ? 0 : -10 }, false);
  }

  private onKey(event: KeyboardEvent): void {
    const [first, last] = [this.span[0], this.span[1] - 1];
    const at = this.cursor?.t ?? first;
    const next = this.turned ? -1 : 1;
    const t = { ArrowLeft: at - next, ArrowRight: at + next, Home: first, End: last }[event.key];
    if (t === undefined) return;
    event.preventDefault();
    emit(this, "rg-cursor", { t: Math.min(last, Math.max(first, t)), c: this.channel });
  }

  private onUnpin(): void {
    if (this.channel !== null) emit(this, "rg-pin", { t: 0, c: this.channel });
  }

  private xRange(): { min: number; max: number } {
    const [first, last] = [this.span[0], this.span[1] - 1].map((x) => this.xs?.[x] ?? x);
    return { min: first, max: last > first ? last : first + 1 };
  }

  private data(): uPlot.AlignedData {
    const { scale } = this;
    const drawn = this.drawn;
    const longest = Math.max(1, ...drawn.map(({ values }) => values.length));
    const edges = drawn.flatMap(({ band }) => (band ? [band.high, band.low] : []));
    const lines = [...drawn.map(({ values }) => values), ...edges].map((values) => heightsOn(scale, values));
    return [this.xs ?? Array.from({ length: longest }, (_, t) => t), ...lines] as uPlot.AlignedData;
  }

  private build(): uPlot {
    const style = getComputedStyle(this);
    const [text, grid] = ["--rg-muted", "--rg-border"].map((name) => style.getPropertyValue(name));
    const options: uPlot.Options = {
      ...plotOptions(this.drawn, () => this.scale, this.turned, this.across, { text, grid }),
      width: Math.max(100, this.width || this.clientWidth - 24), // avoids a layout if the width is known
      height: this.tall,
      hooks: { draw: [(plot) => drawBoundaries(plot, this.boundaries, text)] },
    };
    const plot = new uPlot(options, this.data(), this.renderRoot.querySelector(".plot") as HTMLElement);
    // Follow the pointer's own events. uPlot's setCursor hook also runs at every redraw; a handler that
    // redraws would call itself without end.
    plot.over.addEventListener("pointermove", (event) => {
      this.pointed = true;
      const across = event.clientX - plot.over.getBoundingClientRect().left;
      emit(this, "rg-cursor", { t: plot.posToIdx(across), c: this.channel });
    });
    plot.over.addEventListener("pointerleave", () => {
      this.pointed = false;
      emit(this, "rg-cursor", null);
    });
    return plot;
  }
}

customElements.define("rg-curve", RgCurve);
