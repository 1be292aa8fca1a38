import { css, html, LitElement, nothing, svg } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { short } from "../../colour/ticks";
import { breakable } from "../../components/base/breakable";
import { emit } from "../../components/base/events";
import { controls } from "../../components/base/theme";
import { partName } from "../../data/parts";
import { FLAG_NAMES } from "../../maths/flow/flags";
import type { Middle } from "../../maths/flow/flow";
import { type OverviewLine, trend } from "../../maths/flow/overview_line";
import { type Column, columnOf, type Sorting, sorted } from "../../maths/flow/overview_order";
import { percent } from "../../maths/flow/samples";
import { ANSWERS } from "../../maths/flow/verdict";
import { sparkline } from "../../maths/paths";
import { flagColour } from "../../pictures/flow_cards";
import { openFlow } from "./headline";

const SPARK = { width: 70, height: 18 };

const HEADS: Record<Column, { name: string; help: string }> = {
  run: { name: "Run", help: "A run, or a group of runs; its name opens its maps" },
  tag: {
    name: "Layer",
    help: "The tag that was logged; directions and stacked cells have lines of their own",
  },
  answer: {
    name: "Learns far",
    help: "Can it learn long dependencies? Yes: the horizon is nine tenths of the sequence or more, it is finite and does not explode, and a loss that is logged has fallen",
  },
  horizon: {
    name: "Horizon",
    help: "How far back the median sample's gradient reaches at the slider's step, in timesteps. Where it is the whole sequence, what is left at the far end ranks",
  },
  farEnd: {
    name: "Left at far end",
    help: "The share of its largest norm that the median sample's gradient has at its far end; below, from 5 to 95 % of the samples",
  },
  trend: { name: "Trend", help: "The horizon from the first step to the slider's" },
  halfLife: {
    name: "Half-life",
    help: "Timesteps back over which the median sample's norm halves, and R² of the exponential fitted",
  },
  flag: {
    name: "Worst flag",
    help: "The worst flag of the whole training, and the step at which it first came",
  },
  dead: { name: "Dead", help: "Dead channels: the share of channels that are exactly 0 throughout" },
};

/** A table with a line for each run and layer, or group of runs. It is sortable, and each line opens its maps. */
export class RgOverviewTable extends LitElement {
  static override properties = { lines: { attribute: false }, sorting: { type: String } };
  static override styles = [
    controls,
    css`
      :host { display: block; container-type: inline-size; background: var(--rg-raised); border: 1px solid var(--rg-border); border-radius: 4px; }
      .scroll { overflow-x: auto; }
      table { border-collapse: collapse; width: 100%; }
      th, td { text-align: left; padding: 6px 10px; border-top: 1px solid var(--rg-border); vertical-align: top; }
      thead th { border-top: 0; font-weight: 500; white-space: nowrap; }
      tbody tr { cursor: pointer; }
      tbody tr:hover { background: var(--rg-hover); }
      th button { border: 0; background: none; padding: 0; height: auto; font-weight: 500; }
      td { white-space: nowrap; }
      td.name { white-space: normal; overflow-wrap: anywhere; min-width: 120px; }
      .run { display: flex; align-items: baseline; gap: 6px; }
      .run button { white-space: normal; text-align: left; overflow-wrap: anywhere; }
      i { display: inline-block; flex: none; width: 9px; height: 9px; border-radius: 50%; }
      i.flag { border-radius: 1px; width: 12px; height: 8px; margin-right: 6px; }
      small { display: block; font-size: 11px; color: var(--rg-muted); }
      .yes { color: var(--rg-good); font-weight: 500; }
      .no { color: var(--rg-error); font-weight: 500; }
      svg { overflow: visible; vertical-align: middle; margin-right: 6px; }
      polyline { fill: none; stroke-width: 1.5; }
      td::before { display: none; content: attr(data-head); color: var(--rg-muted); font-size: 11px; }
      @container (max-width: 800px) {
        table, tbody { display: block; }
        thead, thead tr { display: flex; flex-wrap: wrap; }
        thead th { padding: 4px 8px; }
        tbody tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(110px, 1fr)); padding: 4px 0; border-top: 1px solid var(--rg-border); }
        td { border-top: 0; padding: 3px 10px; white-space: normal; }
        td.name { grid-column: span 2; }
        td::before, td svg { display: block; }
      }
    `,
  ];

  declare lines: OverviewLine[];
  declare sorting: Sorting;

  override render() {
    return html`<div class="scroll">
      <table class="number">
        <thead><tr>${(Object.keys(HEADS) as Column[]).map((column) => this.renderHead(column))}</tr></thead>
        <tbody>
          ${repeat(
            sorted(this.lines, this.sorting),
            ({ name, series }) => JSON.stringify([name, series.run, series.tag]),
            (line) => this.renderLine(line),
          )}
        </tbody>
      </table>
    </div>`;
  }

  private renderHead(column: Column) {
    const chosen = columnOf(this.sorting) === column;
    const falling = this.sorting.startsWith("-");
    const { name, help } = HEADS[column];
    // The first click sorts by what matters most: names from A on, numbers from the largest down.
    const start: Sorting = column === "run" || column === "tag" ? column : `-${column}`;
    const turned: Sorting = falling ? column : `-${column}`;
    return html`<th scope="col" aria-sort=${chosen ? (falling ? "descending" : "ascending") : "none"}>
      <button aria-description=${help} @click=${() => emit(this, "rg-set", { sort: chosen ? turned : start })}>
        ${name}${chosen ? (falling ? " ↓" : " ↑") : ""}
      </button>
    </th>`;
  }

  private renderLine(line: OverviewLine) {
    const { name, series, members, colour, horizon, lags, farEnd, verdict, dead } = line;
    const open = () => openFlow(this, line);
    const part = partName(series.tag, series.entry);
    const cell = (column: Column, content: unknown) =>
      html`<td data-head=${HEADS[column].name}>${content}</td>`;
    const why = verdict.claims.map(({ text }) => text).join("; ");
    return html`<tr @click=${open}>
      <td class="name" data-head=${HEADS.run.name}><span class="run"><i style="background:${colour}"></i><button
        class="link" aria-label="Open the maps of ${name}, ${series.tag}" aria-description="${ANSWERS[verdict.answer]}: ${why}" @click=${(
          event: Event,
        ) => {
          event.stopPropagation();
          open();
        }}
      >${breakable(name)}</button></span>${members.length ? html`<small>${members.length} runs: mean, least to most</small>` : nothing}</td>
      <td class="name" data-head=${HEADS.tag.name}>${breakable(part === null ? series.tag : (series.entry.metadata.part_of as string))}${
        part === null ? nothing : html`<small>${part}</small>`
      }</td>
      ${cell("answer", html`<span class=${verdict.answer} aria-description=${why}>${ANSWERS[verdict.answer]}</span>`)}
      ${cell("horizon", renderHorizon(horizon, lags))}
      ${cell("farEnd", renderMiddle(farEnd, percent))}
      ${cell("trend", renderTrend(line))}
      ${cell("halfLife", renderHalfLife(line))}
      ${cell("flag", renderWorst(line))}
      ${cell("dead", Number.isNaN(dead) ? html`<span class="muted">not logged</span>` : percent(dead))}
    </tr>`;
  }
}

function renderHorizon(horizon: Middle, lags: number) {
  if (Number.isNaN(horizon.mid)) return html`<span class="muted">none</span>`;
  return html`${short(horizon.mid)} <span class="muted">of ${short(lags)}</span>${renderRange(horizon, short)}`;
}

function renderMiddle(middle: Middle, words: (value: number) => string) {
  if (Number.isNaN(middle.mid)) return html`<span class="muted">none</span>`;
  return html`${words(middle.mid)}${renderRange(middle, words)}`;
}

function renderRange({ low, mid, high }: Middle, words: (value: number) => string) {
  return Number.isNaN(low) || (low === mid && high === mid)
    ? nothing
    : html`<small>${words(low)} to ${words(high)}</small>`;
}

function renderTrend({ history, colour }: OverviewLine) {
  const { from, change } = trend(history);
  if (Number.isNaN(from)) return html`<span class="muted">none</span>`;
  if (history.length < 2) return html`<span class="muted">one step</span>`;
  const arrow = change > 0 ? "↑" : change < 0 ? "↓" : "→";
  const { width, height } = SPARK;
  return html`${svg`<svg width=${width} height=${height} aria-hidden="true">
    <polyline points=${sparkline(history, width, height)} stroke=${colour}></polyline></svg>`}
    ${Number.isNaN(change) ? nothing : arrow} <span class="muted">from ${short(from)}</span>`;
}

function renderHalfLife({ halfLife, r2 }: OverviewLine) {
  if (Number.isNaN(halfLife.mid)) return html`<span class="muted">none</span>`;
  const fades = halfLife.mid > 0 && Number.isFinite(halfLife.mid);
  return html`${fades ? short(halfLife.mid) : "does not fade"}<small>R² ${r2.toFixed(2)}</small>`;
}

function renderWorst({ worst, flags }: OverviewLine) {
  if (!worst) return html`<span class="muted">none</span>`;
  const now = flags.includes(worst.flag) ? "" : ", not now";
  return html`<i class="flag" style="background:${flagColour(worst.flag)}"></i>${FLAG_NAMES[worst.flag]}
    <small>from step ${worst.step}${now}</small>`;
}

customElements.define("rg-overview-table", RgOverviewTable);
