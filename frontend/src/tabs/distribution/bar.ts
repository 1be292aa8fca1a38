import { css, html, LitElement, nothing } from "lit";
import { emit } from "../../components/base/events";
import { controls } from "../../components/base/theme";
import { isShown, type Option, select } from "../../components/controls/fields";
import { BIN_COUNTS, type BinAxes, OVER_STEPS, type OverSteps, PEAKS, type State } from "../../state/state";

const NOTES: Record<OverSteps, string> = {
  ridgelines:
    "Over training the first step is in the back, above; the last in front. Heights are shares of all values.",
  heatmap:
    "Over training the first step is above. The brighter, the larger the share of all values (square root); empty bins are blank.",
};
const AXES: Record<BinAxes, string> = {
  shared: "shared",
  run: "free: each run's own",
  gate: "free: each gate's own",
};

/** Controls for the bins that count values, and for how histograms are drawn. */
export class RgDistributionBar extends LitElement {
  static override properties = { state: { attribute: false } };
  static override styles = [
    controls,
    css`:host { display: flex; flex-wrap: wrap; gap: 8px 14px; align-items: center; }`,
  ];

  declare state: Readonly<State>;

  override render() {
    const { state } = this;
    const { bins, peaks, binAxes, overSteps } = state;
    return html`
      ${select("overSteps", "Over training as", OVER_STEPS.map(named), overSteps, (chosen) => this.set({ overSteps: chosen as OverSteps }))}
      ${
        isShown(state, "bins")
          ? select("bins", "Bins", BIN_COUNTS.map(named), String(bins), (chosen) =>
              this.set({ bins: Number(chosen) as State["bins"] }),
            )
          : nothing
      }
      ${
        isShown(state, "peaks")
          ? select("peaks", "Peaks", PEAKS.map(cut), String(peaks), (chosen) =>
              this.set({ peaks: Number(chosen) as State["peaks"] }),
            )
          : nothing
      }
      ${
        isShown(state, "binAxes")
          ? select("binAxes", "Axes", Object.entries(AXES), binAxes, (chosen) =>
              this.set({ binAxes: chosen as BinAxes }),
            )
          : nothing
      }
      <span class="muted">Drag the limits of the colour range; what lies beyond is shaded. ${NOTES[overSteps]}</span>
    `;
  }

  private set(change: Partial<State>): void {
    emit(this, "rg-set", change);
  }
}

function named(value: string | number): Option {
  return [String(value), String(value)];
}

function cut(share: number): Option {
  return [String(share), share === 1 ? "whole" : `cut at ${100 * share} % of the highest`];
}

customElements.define("rg-distribution-bar", RgDistributionBar);
