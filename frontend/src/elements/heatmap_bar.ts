import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import type { Window } from "../data/pool";
import { REDUCTIONS, type Show, type ShowChoice } from "../data/types";
import type { BACKWARDS, ChannelOrder, State, TIMES } from "../state";
import { turnedWindow, type Upright } from "../views/axes";
import { ORDERS, type OrderName } from "../views/order";
import { kept } from "../views/zoom";
import { tell } from "./events";
import { controls } from "./theme";

const NAMES: Record<OrderName, string> = {
  norm: "by norm",
  lag: "by lag of the peak",
  correlation: "by correlation",
};

/** How heatmaps are laid out: which axis stands upright, how time is counted, how channels are ordered. */
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
  /** The slider's. */
  declare step: number;
  /** All that the largest picture shows. */
  declare whole: Window;
  /** Whether either axis may stand upright. */
  declare turnable: boolean;
  /** Whether there are pictures of sequences: matrices have neither lags nor orders. */
  declare sequences: boolean;
  /** Whether a layer goes backward, too. */
  declare backward: boolean;

  override render() {
    const { axes, time, order, backward } = this.state;
    return html`
      ${
        this.turnable
          ? this.choice(
              "axes",
              "Upright",
              [
                ["channels", "channels", axes],
                ["timesteps", "timesteps", axes],
              ],
              (chosen) => ({ axes: chosen as Upright }),
            )
          : nothing
      }
      ${
        this.sequences
          ? html`
              ${this.choice(
                "time",
                "Time as",
                [
                  ["timestep", "timestep", time],
                  ["lag", "lag from the last real timestep", time],
                ],
                (chosen) => this.turned(chosen as (typeof TIMES)[number]),
              )}
              ${this.choice(
                "order",
                "Channels",
                [
                  ["", "by number", order?.by ?? ""],
                  ...ORDERS.map((by): Option => [by, NAMES[by], order?.by ?? ""]),
                ],
                (chosen) => this.ordered(chosen as OrderName | ""),
              )}
              ${order ? this.renderFrozen(order) : nothing}
            `
          : nothing
      }
      ${
        this.backward
          ? this.choice(
              "backward",
              "Backward half",
              [
                ["input", "in the input's time", backward],
                ["processed", "as processed", backward],
              ],
              (chosen) => ({ backward: chosen as (typeof BACKWARDS)[number] }),
            )
          : nothing
      }
    `;
  }

  private choice(
    id: string,
    label: string,
    options: Option[],
    change: (chosen: string) => Partial<State>,
  ): TemplateResult {
    return html`
      <span>
        <label for=${id}>${label}</label>
        <select id=${id} @change=${(event: Event) => tell(this, "rg-set", change((event.target as HTMLSelectElement).value))}>
          ${options.map(([value, name, chosen]) => html`<option value=${value} .selected=${value === chosen}>${name}</option>`)}
        </select>
      </span>
    `;
  }

  /** Where the order comes from, and a way to make it anew from what is shown now. */
  private renderFrozen({ by, step, show }: ChannelOrder) {
    const isOld = step !== this.step || show !== orderable(this.state.show);
    return html`<span>
      <span class="muted">of step ${step}, ${showName(show)}</span>
      ${
        isOld
          ? html`<button title="The order stays as it is while stepping. Make it anew from what is shown now" @click=${() => tell(this, "rg-set", this.ordered(by))}>
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
      window: window && kept({ ...window, c0, c1 }, this.whole), // other channels have its places now
    };
  }

  private turned(time: (typeof TIMES)[number]): Partial<State> {
    const { window } = this.state;
    return { time, window: window && turnedWindow(window, this.whole.t1) };
  }
}

type Option = [value: string, name: string, chosen: string];

/** What an order is made from: of each sample in a picture of its own, all together, so that they share one. */
function orderable(show: ShowChoice): Show {
  return show === "samples" ? "rms" : show;
}

function showName(show: Show): string {
  return typeof show === "number" ? `sample ${show}` : REDUCTIONS[show];
}

customElements.define("rg-heatmap-bar", RgHeatmapBar);
