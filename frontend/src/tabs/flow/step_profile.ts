import { css, html, LitElement } from "lit";
import type { Scale } from "../../colour/scale";
import { short } from "../../colour/ticks";
import { breakable } from "../../components/base/breakable";
import { type Cursor, emit, type FlowPoint } from "../../components/base/events";
import { Memo } from "../../components/base/memo";
import { controls } from "../../components/base/theme";
import type { Line } from "../../components/line_plot/uplot_options";
import { hasLags } from "../../data/parts";
import type { Window } from "../../data/window";
import {
  boundaries,
  type FlowAxis,
  fittedNorms,
  fitWords,
  indexOf,
  OF_AXIS,
  type Spread,
  statisticAtStep,
} from "../../maths/flow/flow";
import type { FlowHistory } from "../../maths/flow/history";
import { percent } from "../../maths/flow/samples";
import { FLOW_STATISTICS, type FlowStatistic, reader } from "../../maths/flow/statistics";
import { type Drawn, dashesOf, directionOf, seriesNames } from "../../pictures/flow_cards";
import "../../components/line_plot/line_plot";

const FITTED = [1, 4];

/** The columns of the table: a name, its help, and the words in a row. */
const COLUMNS: [name: string, help: string, words: (history: FlowHistory, index: number) => unknown][] = [
  [
    "Horizon",
    "How far back a sample's norm is at least the given share of its own largest.",
    (history, i) =>
      spreadWords(
        history.horizon,
        i,
        (lag) => `lag ${short(lag)}`,
        Number.isNaN(history.lags[i]) ? "" : ` of ${short(history.lags[i])}`,
      ),
  ],
  [
    "Left at the far end",
    "A sample's norm at its largest lag, as a share of its largest norm.",
    (history, i) => spreadWords(history.farEnd, i, percent),
  ],
  [
    "Half-life",
    "Timesteps back over which a sample's norm halves, and R² of the exponential fitted.",
    halfLifeWords,
  ],
  [
    "Largest gain",
    "The largest growth of a sample's norm over one timestep back.",
    (history, i) =>
      spreadWords(history.gain, i, (gain) => `×${short(gain)}`, "", restsOn(history.gained, history, i)),
  ],
  [
    "Samples agree",
    "The lag up to which samples agree more than they differ: |mean| / standard deviation is at least 1.",
    (history, i) =>
      spreadWords(history.snrHorizon, i, (lag) => (lag < 0 ? "nowhere" : `up to lag ${short(lag)}`)),
  ],
  [
    "Samples judged",
    "How many samples have a gradient to judge.",
    (history, i) => (Number.isNaN(history.samples[i]) ? "not logged" : history.samples[i]),
  ],
];

/** The number of samples behind a statistic, where it is not that of all samples judged; NaN where it is. */
function restsOn(counts: ArrayLike<number>, { samples }: FlowHistory, index: number): number {
  return counts[index] === samples[index] ? Number.NaN : counts[index];
}

/** The median with its meaning, the quantiles, and the number of samples behind them. */
function spreadWords(
  { p05, p50, p95 }: Spread,
  index: number,
  words: (value: number) => string,
  of = "",
  samples = Number.NaN,
) {
  if (Number.isNaN(p50[index])) return html`<span class="muted">cannot say</span>`;
  const [low, high] = [words(p05[index]), words(p95[index])];
  const range = Number.isNaN(p05[index]) || low === high ? "" : `${low} to ${high}`;
  const rests = Number.isNaN(samples) ? "" : `${samples} samples`;
  return html`${words(p50[index])}${of}<small>${[range, rests].filter(Boolean).join("; ")}</small>`;
}

function halfLifeWords(history: FlowHistory, index: number) {
  const { halfLife, r2, fitted } = history;
  const { p05, p50, p95 } = halfLife;
  const range = Number.isNaN(p05[index]) ? "" : `${lengthWords(p05[index])} to ${lengthWords(p95[index])}`;
  const count = restsOn(fitted, history, index);
  const rests = Number.isNaN(count) ? "" : `${count} samples`;
  return html`${fitWords(p50[index], r2[index])}<small>${[range, rests].filter(Boolean).join("; ")}</small>`;
}

function lengthWords(halfLife: number): string {
  if (!Number.isFinite(halfLife)) return "no change";
  return `${halfLife > 0 ? "halves" : "doubles"} every ${short(Math.abs(halfLife))}`;
}

/** A statistic of one step by timestep or lag. Norms also show quantiles over samples and the fitted exponential. */
export class RgFlowNow extends LitElement {
  static override properties = {
    drawn: { attribute: false },
    axis: { type: String },
    of: { attribute: false },
    scale: { attribute: false },
    step: { type: Number },
    bptt: { attribute: false },
    window: { attribute: false },
    point: { attribute: false },
    dark: { type: Boolean },
  };
  static override styles = [
    controls,
    css`
      :host { display: block; min-width: 0; }
      .scroll { overflow-x: auto; margin-top: 6px; }
      table { border-collapse: collapse; font-size: 12px; }
      caption { text-align: left; padding-bottom: 2px; }
      th, td { text-align: left; vertical-align: top; padding: 2px 14px 2px 0; font-weight: 400; }
      thead th { font-weight: 500; }
      tbody th { white-space: normal; overflow-wrap: anywhere; min-width: 80px; position: relative; padding-left: 12px; }
      small { display: block; font-size: 11px; color: var(--rg-muted); }
      p { margin: 4px 0 0; font-size: 12px; }
      i { position: absolute; left: 0; top: 7px; width: 8px; height: 8px; border-radius: 50%; }
    `,
  ];

  declare drawn: Drawn[];
  declare axis: FlowAxis;
  declare of: FlowStatistic;
  declare scale: Scale;
  /** The slider's step. */
  declare step: number;
  /** The window of truncated backpropagation through time, in timesteps. */
  declare bptt: number | null;
  /** The rows and training steps that the maps show. */
  declare window: Window | null;
  declare point: FlowPoint | null;
  declare dark: boolean;

  private readonly lines = new Memo<Line[]>();

  override render() {
    const { axis, drawn } = this;
    const [names, dashes] = [seriesNames(drawn), dashesOf(drawn)];
    // Pointing does not change these.
    const from = [...drawn.map(({ history }) => history), names.join(), this.step, axis, this.of];
    const lines = this.lines.of(from, () =>
      drawn.flatMap((card, i) => this.linesOf(card, names[i], dashes[i])),
    );
    const longest = Math.max(...drawn.map(({ history }) => history.flow.timesteps));
    const row = this.point?.row ?? null;
    return html`
      <rg-curve
        heading="${capitalised(this.of.name)} at step ${this.step} against ${axis}" .channel=${null} .axis=${axis}
        .lines=${lines} .scale=${this.scale} .span=${this.window ? [this.window.c0, Math.min(longest, this.window.c1)] : [0, longest]}
        .xs=${null} .boundaries=${boundaries(this.bptt, longest, axis).map((first) => first - 0.5)}
        .cursor=${row === null ? null : { t: row, c: null }} .dark=${this.dark} @rg-cursor=${this.onCursor}
      ></rg-curve>
      <div class="scroll"><table class="number">
        <caption class="muted">Of the samples at this step: the median, and from 5 to 95 %.</caption>
        <thead><tr><th scope="col" tabindex="0" aria-description="A run and its tag.">Series</th>${COLUMNS.map(([name, help]) => html`<th scope="col" tabindex="0" aria-description=${help}>${name}</th>`)}</tr></thead>
        <tbody>${drawn.map(({ colour, history, series }, i) => {
          const index = indexOf(history.flow, this.step);
          const [step] = history.flow.steps[index];
          const nearest = step === this.step ? "" : ` (step ${step})`;
          return html`<tr>
            <th scope="row"><i style="background:${colour}"></i>${breakable(names[i])}${nearest}</th>
            ${
              !hasLags(series.entry)
                ? html`<td colspan=${COLUMNS.length} class="muted">${series.entry.parts ? "judged by its parts" : "a sum of two directions has no lags"}</td>`
                : COLUMNS.map(([, , words]) => html`<td>${words(history, index)}</td>`)
            }
          </tr>`;
        })}</tbody>
      </table></div>
      <p class="muted">
        ${lines.some(({ band }) => band) ? "Band: 5th to 95th percentile over samples." : ""}
        ${lines.some(({ aside }) => aside) ? "Dotted: an exponential of the median sample's half-life, laid along the norms." : ""}
        ${drawn.some(({ history }) => history.earlier) ? "An earlier version logged this: the mean norm is judged, where all samples have every lag." : ""}
      </p>
    `;
  }

  private get drawsNorms(): boolean {
    return this.of === FLOW_STATISTICS.norm;
  }

  private linesOf(
    { history: { flow, halfLife }, colour, series }: Drawn,
    label: string,
    dash: number[],
  ): Line[] {
    const index = indexOf(flow, this.step);
    const valueAt = reader(flow, this.axis, this.of);
    const values = Array.from({ length: flow.timesteps }, (_, row) =>
      orGap(valueAt(index * flow.timesteps + row)),
    );
    if (!this.drawsNorms) return [{ label, colour, dash, values }];
    const { band } = OF_AXIS[this.axis];
    const at = (name: string) => Array.from(statisticAtStep(flow, name, index), orGap);
    const quantiles = band?.every((name) => name in flow.columns)
      ? { low: at(band[0]), high: at(band[1]) }
      : undefined;
    const fitted = fittedNorms(flow, this.axis, index, halfLife.p50[index], directionOf(series));
    return [
      { label, colour, dash, values, ...(quantiles && { band: quantiles }) },
      ...(fitted ? [{ label: `${label}, fitted`, colour, dash: FITTED, values: fitted, aside: true }] : []),
    ];
  }

  private onCursor(event: CustomEvent<Cursor | null>): void {
    event.stopPropagation();
    emit(this, "rg-flow-point", event.detail && { step: this.step, row: event.detail.t });
  }
}

function orGap(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function capitalised(name: string): string {
  return name[0].toUpperCase() + name.slice(1);
}

customElements.define("rg-flow-now", RgFlowNow);
