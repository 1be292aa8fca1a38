import { css, html, LitElement } from "lit";
import { emit } from "../../components/base/events";
import { controls } from "../../components/base/theme";
import { HELP } from "../../components/controls/help";
import type { Series } from "../../data/series";
import { WAYS, type Way } from "../../maths/heatmap/compare";
import type { State } from "../../state/state";

const NAMES: Record<Way, string> = { difference: "A − B", ratio: "log |A| / |B|", swipe: "swipe A | B" };

/** Controls for what is compared with what, and how. */
export class RgCompareBar extends LitElement {
  static override properties = {
    series: { attribute: false },
    a: { attribute: false },
    b: { attribute: false },
    stepB: { attribute: false },
    comparison: { type: String },
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

  declare series: Series[];
  declare a: Series;
  declare b: Series;
  declare stepB: number | null;
  declare comparison: Way;

  override render() {
    return html`
      ${this.which("a", this.a)} ${this.which("b", this.b)}
      <span>
        <label for="stepB">B at step</label>
        <input
          id="stepB" type="number" class="number" placeholder="slider's" aria-description=${HELP.stepB}
          .value=${this.stepB === null ? "" : String(this.stepB)} @change=${this.onStep}
        />
      </span>
      <span>
        <label for="comparison">Compare</label>
        <select id="comparison" aria-description=${HELP.comparison} @change=${(event: Event) => this.set({ comparison: chosen(event) as Way })}>
          ${WAYS.map((name) => html`<option value=${name} .selected=${name === this.comparison}>${NAMES[name]}</option>`)}
        </select>
      </span>
      <button aria-description=${HELP.swap} @click=${() => this.set({ a: [this.b.run, this.b.tag], b: [this.a.run, this.a.tag] })}>Swap</button>
    `;
  }

  private which(side: "a" | "b", shown: Series) {
    const label = side.toUpperCase();
    return html`
      <span>
        <label for=${side}>${label}</label>
        <select id=${side} aria-description=${HELP[side]} @change=${(event: Event) => this.choose(side, Number(chosen(event)))}>
          ${this.series.map((one, i) => html`<option value=${i} .selected=${one === shown}>${one.run}: ${one.tag}</option>`)}
        </select>
      </span>
    `;
  }

  private choose(side: "a" | "b", index: number): void {
    const { run, tag } = this.series[index];
    this.set({ [side]: [run, tag] });
  }

  private onStep(event: Event): void {
    const typed = (event.target as HTMLInputElement).valueAsNumber;
    this.set({ stepB: Number.isInteger(typed) ? typed : null });
  }

  private set(change: Partial<State>): void {
    emit(this, "rg-set", change);
  }
}

function chosen(event: Event): string {
  return (event.target as HTMLSelectElement).value;
}

customElements.define("rg-compare-bar", RgCompareBar);
