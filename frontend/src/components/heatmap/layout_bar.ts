import { css, html, LitElement, nothing } from "lit";
import { isOfEachSample, REDUCTIONS, type Show, type ShowChoice } from "../../data/types";
import type { Window } from "../../data/window";
import { type Orientation, turnedWindow } from "../../maths/heatmap/axes";
import type { OrderName } from "../../maths/heatmap/order";
import { unlessWhole } from "../../maths/heatmap/zoom";
import type { ChannelOrder, Time } from "../../state/options";
import type { State } from "../../state/state";
import { emit } from "../base/events";
import { controls } from "../base/theme";
import { choose, type Option, rare, select } from "../controls/fields";

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
    const { time, order } = state;
    return html`
      ${
        this.sequences
          ? html`
              ${select("time", "Time as", TIME_NAMES, time, (chosen) => emit(this, "rg-set", this.turned(chosen)))}
              ${select("order", "Channels", ORDER_NAMES, order?.by ?? null, (chosen) => emit(this, "rg-set", this.ordered(chosen)))}
              ${order ? this.renderFrozen(order) : nothing}
            `
          : nothing
      }
      ${this.turnable ? rare(state, "axes", choose(state, "axes", "Vertical axis", AXES_NAMES)) : nothing}
      ${this.backward ? rare(state, "backward", choose(state, "backward", "Backward half", BACKWARD_NAMES)) : nothing}
    `;
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

  private ordered(by: OrderName | null): Partial<State> {
    const { window, show } = this.state;
    const { c0, c1 } = this.whole;
    return {
      order: by ? { by, step: this.step, show: orderable(show) } : null,
      window: window && unlessWhole({ ...window, c0, c1 }, this.whole), // the channels' places have changed
    };
  }

  private turned(time: Time): Partial<State> {
    const { window } = this.state;
    return { time, window: window && turnedWindow(window, this.whole.t1) };
  }
}

const TIME_NAMES: Option<Time>[] = [
  ["timestep", "timestep"],
  ["lag", "lag from the last real timestep"],
];
const ORDER_NAMES: Option<OrderName | null>[] = [
  [null, "by number"],
  ["norm", "by norm"],
  ["lag", "by lag of the peak"],
  ["correlation", "by correlation"],
];
const AXES_NAMES: Option<Orientation>[] = [
  ["channels", "channels"],
  ["timesteps", "timesteps"],
];
const BACKWARD_NAMES: Option<State["backward"]>[] = [
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
