import { css, html, LitElement, nothing } from "lit";
import { isOfEachSample, REDUCTIONS, type Show, type ShowChoice } from "../../data/types";
import type { Window } from "../../data/window";
import { turnedWindow, type Upright } from "../../maths/heatmap/axes";
import { ORDERS, type OrderName } from "../../maths/heatmap/order";
import { kept } from "../../maths/heatmap/zoom";
import type { BACKWARDS, ChannelOrder, State, TIMES } from "../../state/state";
import { emit } from "../base/events";
import { controls } from "../base/theme";
import { isShown, type Option, select } from "../controls/fields";

const NAMES: Record<OrderName, string> = {
  norm: "by norm",
  lag: "by lag of the peak",
  correlation: "by correlation",
};

/** Controls for the layout of heatmaps: which axis is vertical, how time is counted, how channels are ordered. */
export class RgHeatmapBar extends LitElement {
  static override properties = {
    state: { attribute: false },
    step: { type: Number },
    whole: { attribute: false },
    turnable: { type: Boolean },
    sequences: { type: Boolean },
    backward: { type: Boolean },
  };
  static override styles = [
    controls,
    css`
      :host { display: flex; flex-wrap: wrap; gap: 8px 14px; align-items: center; margin-bottom: 12px; }
      span { display: inline-flex; align-items: center; gap: 6px; }
    `,
  ];

  declare state: Readonly<State>;
  /** The slider's step. */
  declare step: number;
  /** Everything that the largest picture shows. */
  declare whole: Window;
  /** Whether the user may choose which axis is vertical. */
  declare turnable: boolean;
  /** Whether there are pictures of sequences. Matrices have neither lags nor orders. */
  declare sequences: boolean;
  /** Whether a layer also runs backward. */
  declare backward: boolean;

  override render() {
    const { state } = this;
    const { axes, time, order, backward } = state;
    const orders = ORDERS.map((by): Option => [by, NAMES[by]]);
    return html`
      ${
        this.sequences
          ? html`
              ${select("time", "Time as", TIME_NAMES, time, (chosen) => this.set(this.turned(chosen as (typeof TIMES)[number])))}
              ${select("order", "Channels", [["", "by number"], ...orders], order?.by ?? "", (chosen) => this.set(this.ordered(chosen as OrderName | "")))}
              ${order ? this.renderFrozen(order) : nothing}
            `
          : nothing
      }
      ${
        this.turnable && isShown(state, "axes")
          ? select("axes", "Upright", AXES_NAMES, axes, (chosen) => this.set({ axes: chosen as Upright }))
          : nothing
      }
      ${
        this.backward && isShown(state, "backward")
          ? select("backward", "Backward half", BACKWARD_NAMES, backward, (chosen) =>
              this.set({ backward: chosen as (typeof BACKWARDS)[number] }),
            )
          : nothing
      }
    `;
  }

  private set(change: Partial<State>): void {
    emit(this, "rg-set", change);
  }

  /** The step that the order comes from, and a button that makes the order again from what is shown now. */
  private renderFrozen({ by, step, show }: ChannelOrder) {
    const isOld = step !== this.step || show !== orderable(this.state.show);
    return html`<span>
      <span class="muted">of step ${step}, ${showName(show)}</span>
      ${
        isOld
          ? html`<button title="The order stays as it is while stepping. Make it anew from what is shown now" @click=${() => emit(this, "rg-set", this.ordered(by))}>
              Order anew at step ${this.step}
            </button>`
          : nothing
      }
    </span>`;
  }

  private ordered(by: OrderName | ""): Partial<State> {
    const { window, show } = this.state;
    const { c0, c1 } = this.whole;
    return {
      order: by ? { by, step: this.step, show: orderable(show) } : null,
      window: window && kept({ ...window, c0, c1 }, this.whole), // the channels' places have changed
    };
  }

  private turned(time: (typeof TIMES)[number]): Partial<State> {
    const { window } = this.state;
    return { time, window: window && turnedWindow(window, this.whole.t1) };
  }
}

const TIME_NAMES: Option[] = [
  ["timestep", "timestep"],
  ["lag", "lag from the last real timestep"],
];
const AXES_NAMES: Option[] = [
  ["channels", "channels"],
  ["timesteps", "timesteps"],
];
const BACKWARD_NAMES: Option[] = [
  ["input", "in the input's time"],
  ["processed", "as processed"],
];

/** What an order is made from. Samples in pictures of their own share one order, made from all of them. */
function orderable(show: ShowChoice): Show {
  return isOfEachSample(show) ? "rms" : show;
}

function showName(show: Show): string {
  return typeof show === "number" ? `sample ${show}` : REDUCTIONS[show];
}

customElements.define("rg-heatmap-bar", RgHeatmapBar);
