import { css, html, LitElement, nothing } from "lit";
import { emit } from "../../components/base/events";
import { controls } from "../../components/base/theme";
import { choose, numberField, type Option, rare, select } from "../../components/controls/fields";
import { HELP } from "../../components/controls/help";
import type { Range } from "../../maths/curves";
import { PLOTS } from "../../state/options";
import type { State } from "../../state/state";

/** Chooses which small plots are on the page, over how many timesteps, and whether they share their y axes. */
export class RgCurvesBar extends LitElement {
  static override properties = {
    state: { attribute: false },
    shown: { attribute: false },
    all: { attribute: false },
    samples: { type: Number },
  };
  static override styles = [
    controls,
    css`
      :host { display: flex; flex-wrap: wrap; gap: 8px 14px; align-items: center; margin-bottom: 12px; }
      span { display: inline-flex; align-items: center; gap: 6px; }
      input { width: 72px; }
    `,
  ];

  declare state: Readonly<State>;
  /** The places of the plots on the page, and the places of all plots there could be. */
  declare shown: Range;
  declare all: Range;
  /** How many samples there are to choose from. */
  declare samples: number;

  override render() {
    const { state } = this;
    const { plots, range, time, order } = state;
    const [from, to] = this.shown;
    const [first, end] = this.all;
    const samples = Array.from({ length: this.samples }, (_, i): Option<number> => [i, `sample ${i}`]);
    return html`
      ${this.samples > 1 ? choose(state, "curveSample", "Curves of", [[null, "each sample"], ...samples]) : nothing}
      ${select("free", "y axes", Y_AXES, range === "each" ? "each" : "shared", (chosen) => emit(this, "rg-set", { range: chosen }))}
      ${rare(state, "firstTimesteps", numberField(state, "firstTimesteps", `First ${time}s`, "all"))}
      ${rare(state, "plots", choose(state, "plots", "Plots on a page", PLOT_COUNTS))}
      ${
        from > first || to < end
          ? html`<span class="number" role="group" aria-label="Pages of plots">
              <button aria-label="Page of plots before" aria-description=${HELP.page} ?disabled=${from <= first} @click=${() => this.turn(from - plots)}>‹</button>
              ${order ? "plots" : "channels"} ${from} to ${to - 1} of ${end - first}
              <button aria-label="Page of plots after" aria-description=${HELP.page} ?disabled=${to >= end} @click=${() => this.turn(to)}>›</button>
            </span>`
          : nothing
      }
    `;
  }

  private turn(firstPlot: number): void {
    emit(this, "rg-set", { firstPlot: Math.max(0, firstPlot) });
  }
}

const PLOT_COUNTS = PLOTS.map((count): Option<State["plots"]> => [count, String(count)]);
const Y_AXES: Option<"shared" | "each">[] = [
  ["shared", "shared"],
  ["each", "free: each plot its own"],
];

customElements.define("rg-curves-bar", RgCurvesBar);
