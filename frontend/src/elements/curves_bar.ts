import { css, html, LitElement, nothing } from "lit";
import { PLOTS, type State } from "../state";
import type { Range } from "../views/curves";
import { tell } from "./events";
import { controls } from "./theme";

/** Which small plots are on the page, over how many timesteps, and whether they share their y axes. */
export class RgCurvesBar extends LitElement {
  static override properties = {
    state: { attribute: false },
    shown: { attribute: false },
    all: { attribute: false },
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
  /** The places of the plots on the page, and of all that could be. */
  declare shown: Range;
  declare all: Range;

  override render() {
    const { plots, range, firstTimesteps, time, order } = this.state;
    const [from, to] = this.shown;
    const [first, end] = this.all;
    return html`
      <span>
        <label for="free">y axes</label>
        <select id="free" @change=${(event: Event) => tell(this, "rg-set", { range: (event.target as HTMLSelectElement).value === "each" ? "each" : "shared" })}>
          <option value="shared" .selected=${range !== "each"}>shared</option>
          <option value="each" .selected=${range === "each"}>free: each plot its own</option>
        </select>
      </span>
      <span>
        <label for="first">First</label>
        <input
          id="first" type="number" class="number" min="1" step="1" placeholder="all" title="Draw only so many ${time}s; empty: all"
          .value=${firstTimesteps === null ? "" : String(firstTimesteps)} @change=${this.onFirst}
        /> ${time}s
      </span>
      <span>
        <label for="plots">Plots on a page</label>
        <select id="plots" @change=${(event: Event) => tell(this, "rg-set", { plots: Number((event.target as HTMLSelectElement).value) as State["plots"] })}>
          ${PLOTS.map((count) => html`<option value=${count} .selected=${count === plots}>${count}</option>`)}
        </select>
      </span>
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
    tell(this, "rg-set", { firstPlot: Math.max(0, firstPlot) });
  }

  private onFirst(event: Event): void {
    const input = event.target as HTMLInputElement;
    const typed = input.valueAsNumber;
    if (input.value === "") tell(this, "rg-set", { firstTimesteps: null });
    else if (Number.isInteger(typed) && typed > 0) tell(this, "rg-set", { firstTimesteps: typed });
    input.value = this.state.firstTimesteps === null ? "" : String(this.state.firstTimesteps);
  }
}

customElements.define("rg-curves-bar", RgCurvesBar);
