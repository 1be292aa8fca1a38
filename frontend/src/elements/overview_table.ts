import { css, html, LitElement, nothing, svg } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { short } from "../colour/ticks";
import { flagColour } from "../courses";
import { FLAG_NAMES } from "../views/flags";
import { type Column, columnOf, type Line, type Sorting, sorted, sparkline, trend } from "../views/overview";
import { breakable } from "./breakable";
import { tell } from "./events";
import { controls } from "./theme";

const SPARK = { width: 90, height: 18 };

const HEADS: Record<Column, { name: string; title: string }> = {
  run: { name: "Run", title: "A run; its name opens its maps" },
  tag: { name: "Layer", title: "The tag that was logged" },
  horizon: { name: "Horizon", title: "How far back the gradient reaches at the slider's step, in timesteps" },
  trend: { name: "Trend", title: "The horizon from the first step to the slider's" },
  halfLife: {
    name: "Half-life",
    title: "Timesteps back over which the norm halves, and R² of the exponential fitted",
  },
  flag: {
    name: "Worst flag",
    title: "The worst flag of the whole training, and the step at which it first came",
  },
  dead: { name: "Dead channels", title: "The share of channels that are exactly 0 throughout" },
};

/** One line for each run and layer, sortable; each opens its maps. */
export class RgOverviewTable extends LitElement {
  static override properties = { lines: { attribute: false }, sorting: { type: String } };
  static override styles = [
    controls,
    css`
      :host { display: block; overflow-x: auto; background: var(--rg-raised); border: 1px solid var(--rg-border); border-radius: 4px; }
      table { border-collapse: collapse; width: 100%; }
      th, td { text-align: left; padding: 6px 12px; border-top: 1px solid var(--rg-border); vertical-align: middle; }
      thead th { border-top: 0; font-weight: 500; white-space: nowrap; }
      tbody tr { cursor: pointer; }
      tbody tr:hover { background: var(--rg-hover); }
      th button { border: 0; background: none; padding: 0; height: auto; font-weight: 500; }
      td { white-space: nowrap; }
      td.name { white-space: normal; overflow-wrap: anywhere; min-width: 90px; }
      .run { display: flex; align-items: baseline; gap: 6px; }
      .run button { white-space: normal; text-align: left; overflow-wrap: anywhere; }
      i { display: inline-block; flex: none; width: 9px; height: 9px; border-radius: 50%; }
      i.flag { border-radius: 1px; width: 12px; height: 8px; margin-right: 6px; }
      svg { overflow: visible; vertical-align: middle; margin-right: 8px; }
      polyline { fill: none; stroke-width: 1.5; }
    `,
  ];

  declare lines: Line[];
  declare sorting: Sorting;

  override render() {
    return html`
      <table class="number">
        <thead><tr>${(Object.keys(HEADS) as Column[]).map((column) => this.renderHead(column))}</tr></thead>
        <tbody>
          ${repeat(
            sorted(this.lines, this.sorting),
            ({ series }) => JSON.stringify([series.run, series.tag]),
            (line) => this.renderLine(line),
          )}
        </tbody>
      </table>
    `;
  }

  private renderHead(column: Column) {
    const chosen = columnOf(this.sorting) === column;
    const falling = this.sorting.startsWith("-");
    const { name, title } = HEADS[column];
    // The first click shows what is worth seeing first: names from A on, numbers from the largest down.
    const start: Sorting = column === "run" || column === "tag" ? column : `-${column}`;
    const turned: Sorting = falling ? column : `-${column}`;
    return html`<th scope="col" aria-sort=${chosen ? (falling ? "descending" : "ascending") : "none"} title=${title}>
      <button @click=${() => tell(this, "rg-set", { sort: chosen ? turned : start })}>
        ${name}${chosen ? (falling ? " ↓" : " ↑") : ""}
      </button>
    </th>`;
  }

  private renderLine(line: Line) {
    const { series, colour, horizon, longest, halfLife, r2, dead } = line;
    const open = () => tell(this, "rg-set", { view: "flow", runs: [series.run], tags: [series.tag] });
    return html`<tr @click=${open}>
      <td class="name"><span class="run"><i style="background:${colour}"></i><button
        class="link" aria-label="Open the maps of ${series.run}, ${series.tag}" @click=${(event: Event) => {
          event.stopPropagation();
          open();
        }}
      >${breakable(series.run)}</button></span></td>
      <td class="name">${breakable(series.tag)}</td>
      <td>${Number.isNaN(horizon) ? "none" : html`${horizon} <span class="muted">of ${longest}</span>`}</td>
      <td>${renderTrend(line)}</td>
      <td>${renderHalfLife(halfLife, r2)}</td>
      <td>${renderWorst(line)}</td>
      <td>${Number.isNaN(dead) ? html`<span class="muted">not logged</span>` : `${Number((100 * dead).toPrecision(3))} %`}</td>
    </tr>`;
  }
}

function renderTrend({ course, colour }: Line) {
  const { from, change } = trend(course);
  if (Number.isNaN(from)) return html`<span class="muted">none</span>`;
  const arrow = change > 0 ? "↑" : change < 0 ? "↓" : "→";
  const { width, height } = SPARK;
  return html`${svg`<svg width=${width} height=${height} aria-hidden="true">
    <polyline points=${sparkline(course, width, height)} stroke=${colour}></polyline></svg>`}
    ${Number.isNaN(change) ? nothing : arrow} <span class="muted">from ${from}</span>`;
}

function renderHalfLife(halfLife: number, r2: number) {
  if (Number.isNaN(halfLife)) return html`<span class="muted">none</span>`;
  const fit = html`<span class="muted">R² ${r2.toFixed(2)}</span>`;
  return halfLife > 0 && Number.isFinite(halfLife)
    ? html`${short(halfLife)} ${fit}`
    : html`does not fade ${fit}`;
}

function renderWorst({ worst, flags }: Line) {
  if (!worst) return html`<span class="muted">none</span>`;
  const now = flags.includes(worst.flag) ? "" : ", not now";
  return html`<i class="flag" style="background:${flagColour(worst.flag)}"></i>${FLAG_NAMES[worst.flag]}
    <span class="muted">from step ${worst.step}${now}</span>`;
}

customElements.define("rg-overview-table", RgOverviewTable);
