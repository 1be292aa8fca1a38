import { css, html, LitElement, nothing } from "lit";
import { emit } from "../../components/base/events";
import { controls } from "../../components/base/theme";
import { isShown, numberField, type Option, select } from "../../components/controls/fields";
import type { Range } from "../../maths/curves";
import { type ColourRange, PLOTS, type State } from "../../state/state";

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
    const { curveSample, plots, range, firstTimesteps, time, order } = this.state;
    const [from, to] = this.shown;
    const [first, end] = this.all;
    const samples = Array.from({ length: this.samples }, (_, i): Option => [String(i), `sample ${i}`]);
    return html`
      ${
        this.samples > 1
          ? select(
              "curveSample",
              "Curves of",
              [["", "each sample"], ...samples],
              String(curveSample ?? ""),
              (chosen) => this.set({ curveSample: chosen === "" ? null : Number(chosen) }),
            )
          : nothing
      }
      ${select("free", "y axes", Y_AXES, range === "each" ? "each" : "shared", (chosen) => this.set({ range: chosen as ColourRange }))}
      ${
        isShown(this.state, "firstTimesteps")
          ? numberField(
              "first",
              `First ${time}s`,
              firstTimesteps,
              "all",
              (count) => Number.isInteger(count) && count > 0,
              (count) => this.set({ firstTimesteps: count }),
            )
          : nothing
      }
      ${
        isShown(this.state, "plots")
          ? select(
              "plots",
              "Plots on a page",
              PLOTS.map((count): Option => [String(count), String(count)]),
              String(plots),
              (chosen) => this.set({ plots: Number(chosen) as State["plots"] }),
            )
          : nothing
      }
      ${
        from > first || to < end
          ? html`<span class="number" role="group" aria-label="Pages of plots">
              <button aria-label="Page of plots before" ?disabled=${from <= first} @click=${() => this.turn(from - plots)}>‹</button>
              ${order ? "plots" : "channels"} ${from} to ${to - 1} of ${end - first}
              <button aria-label="Page of plots after" ?disabled=${to >= end} @click=${() => this.turn(to)}>›</button>
            </span>`
          : nothing
      }
    `;
  }

  private turn(firstPlot: number): void {
    this.set({ firstPlot: Math.max(0, firstPlot) });
  }

  private set(change: Partial<State>): void {
    emit(this, "rg-set", change);
  }
}

const Y_AXES: Option[] = [
  ["shared", "shared"],
  ["each", "free: each plot its own"],
];

customElements.define("rg-curves-bar", RgCurvesBar);
