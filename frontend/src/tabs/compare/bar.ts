import { css, html, LitElement } from "lit";
import { emit } from "../../components/base/events";
import { controls } from "../../components/base/theme";
import { choose, chooseCompared, type Option } from "../../components/controls/fields";
import { HELP } from "../../components/controls/help";
import { nameOf, type Series } from "../../data/series";
import type { Way } from "../../maths/heatmap/compare";
import type { State } from "../../state/state";

const WAY_NAMES: Option<Way>[] = [
  ["difference", "A − B"],
  ["ratio", "log |A| / |B|"],
  ["swipe", "swipe A | B"],
];

/** Controls for what is compared with what, and how. */
export class RgCompareBar extends LitElement {
  static override properties = {
    state: { attribute: false },
    series: { attribute: false },
    compared: { attribute: false },
  };
  static override styles = [
    controls,
    css`
      :host { display: flex; flex-wrap: wrap; gap: 8px 14px; align-items: center; margin-bottom: 12px; }
      span { display: inline-flex; align-items: center; gap: 6px; }
      select { max-width: 260px; }
      input { width: 96px; }
    `,
  ];

  declare state: Readonly<State>;
  declare series: readonly Series[];
  declare compared: readonly [a: Series, b: Series];

  override render() {
    const { series, state } = this;
    const [a, b] = this.compared;
    return html`
      ${chooseCompared(series, this.compared)}
      <span>
        <label for="stepB">B at step</label>
        <input
          id="stepB" type="number" class="number" placeholder="slider's" aria-description=${HELP.stepB}
          .value=${String(state.stepB ?? "")} @change=${this.onStep}
        />
      </span>
      ${choose(state, "comparison", "Compare", WAY_NAMES)}
      <button aria-description=${HELP.swap} @click=${() => emit(this, "rg-set", { a: nameOf(b), b: nameOf(a) })}>Swap</button>
    `;
  }

  private onStep(event: Event): void {
    const typed = (event.target as HTMLInputElement).valueAsNumber;
    emit(this, "rg-set", { stepB: Number.isInteger(typed) ? typed : null });
  }
}

customElements.define("rg-compare-bar", RgCompareBar);
