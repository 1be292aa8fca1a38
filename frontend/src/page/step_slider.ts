import { css, html, LitElement, nothing, svg } from "lit";
import { emit } from "../components/base/events";
import { controls } from "../components/base/theme";
import { HELP } from "../components/controls/help";
import type { LoggedCount } from "../data/logged_steps";
import { equalRuns } from "../maths/equal_runs";
import { stepAt, stepIndex } from "../state/choices";

const SAMPLING =
  "TensorBoard keeps a random sample of the steps, always with the last. tensorboard --samples_per_plugin rnngrad=0 keeps all.";

/**
 * The training step of all tabs: a slider over the kept steps, buttons for its neighbours, and a field to
 * type a step.
 */
export class RgStepSlider extends LitElement {
  static override properties = {
    steps: { attribute: false },
    step: { attribute: false },
    logged: { attribute: false },
    marks: { attribute: false },
  };
  static override styles = [
    controls,
    css`
      :host { display: flex; flex-wrap: wrap; align-items: center; gap: 8px; min-width: 0; }
      .track { flex: 1 1 80px; min-width: 80px; position: relative; height: 28px; }
      /* Drawn by hand: with an accent as bright as TensorBoard's, Chromium makes the track of a light page black. */
      input[type="range"] { width: 100%; height: 28px; margin: 0; appearance: none; background: none; }
      input[type="range"]::-webkit-slider-runnable-track { height: 4px; border-radius: 2px; background: var(--track); }
      input[type="range"]::-moz-range-track { height: 4px; border-radius: 2px; background: var(--track); }
      input[type="range"]::-webkit-slider-thumb {
        appearance: none; width: 16px; height: 16px; margin-top: -6px; border-radius: 50%; background: var(--rg-accent);
      }
      input[type="range"]::-moz-range-thumb { width: 16px; height: 16px; border: 0; border-radius: 50%; background: var(--rg-accent); }
      input[type="range"]:disabled::-webkit-slider-thumb { background: var(--rg-edge); }
      input[type="range"]:disabled::-moz-range-thumb { background: var(--rg-edge); }
      /* The middle of the thumb is 8 px from the ends of the track where the slider is at its ends. */
      svg { position: absolute; left: 8px; top: 23px; width: calc(100% - 16px); height: 5px; overflow: visible; pointer-events: none; }
      input[type="number"] { width: 92px; }
      button { width: 28px; flex: none; padding: 0; font-size: 15px; line-height: 1; }
      .note { white-space: nowrap; font-size: 12px; }
    `,
  ];

  declare steps: number[];
  /** The chosen step; null follows the last one. */
  declare step: number | null;
  /** How many steps were logged; null if unknown. */
  declare logged: LoggedCount | null;
  /** Steps to mark, each with a CSS colour. */
  declare marks: ReadonlyMap<number, string>;

  override render() {
    const index = stepIndex(this.steps, this.step);
    const last = this.steps.length - 1;
    const filled = last > 0 ? (100 * index) / last : 0;
    return html`
      <label for="slider">Step</label>
      <button aria-label="Previous step" title="Previous step (←)" ?disabled=${index <= 0} @click=${() => this.go(index - 1)}>‹</button>
      <span class="track"><input
        id="slider" type="range" style="--track:linear-gradient(to right, var(--rg-accent) ${filled}%, var(--rg-edge) ${filled}%)" ?disabled=${last < 1} min="0" max=${last} step="1" .value=${String(index)}
        aria-valuetext="step ${this.steps[index]}, ${index + 1} of ${last + 1}"
        aria-description=${HELP.step}
        @input=${(event: Event) => this.go(Number((event.target as HTMLInputElement).value))}
        @keydown=${this.onKey}
      />${this.renderMarks()}</span>
      <button aria-label="Next step" title="Next step (→)" ?disabled=${index >= last} @click=${() => this.go(index + 1)}>›</button>
      <input
        type="number" class="number" aria-label="Step number" .value=${String(this.steps[index])}
        aria-description=${HELP.stepNumber} @change=${this.onTyped}
      />
      <span class="note muted">
        ${index + 1} of ${last + 1}${index === last ? ", follows new steps" : ""}${this.renderKept()}
      </span>
    `;
  }

  /** A note on how many steps TensorBoard's sampling dropped, if it dropped any. */
  private renderKept() {
    const { logged, steps } = this;
    if (!logged || logged.count <= steps.length) return nothing;
    const count = `${logged.complete ? "" : "at least "}${logged.count.toLocaleString("en")}`;
    return html`, <span title=${SAMPLING}>kept ${steps.length.toLocaleString("en")} of ${count} logged steps</span>`;
  }

  /**
   * A bar for each marked step, as wide as the distance to the next step. 0% and 100% are the ends of
   * the thumb's path.
   */
  private renderMarks() {
    if (this.marks.size === 0) return nothing;
    const share = 100 / Math.max(1, this.steps.length - 1);
    const bars = equalRuns(this.steps.map((step) => this.marks.get(step) ?? null));
    return svg`<svg aria-hidden="true">${bars.map(({ value, from, to }) => {
      const [left, right] = [Math.max(0, (from - 0.5) * share), Math.min(100, (to - 0.5) * share)];
      return svg`<rect x="${left}%" width="${right - left}%" height="5" fill=${value}></rect>`;
    })}</svg>`;
  }

  private go(index: number): void {
    const within = Math.min(this.steps.length - 1, Math.max(0, index));
    emit(this, "rg-set", { step: stepAt(this.steps, within) });
  }

  private onKey(event: KeyboardEvent): void {
    const index = stepIndex(this.steps, this.step);
    const targets: Record<string, number> = {
      ArrowLeft: index - 1,
      ArrowDown: index - 1,
      ArrowRight: index + 1,
      ArrowUp: index + 1,
      PageDown: index - 10,
      PageUp: index + 10,
      Home: 0,
      End: this.steps.length - 1,
    };
    if (!(event.key in targets)) return;
    event.preventDefault();
    this.go(targets[event.key]);
  }

  private onTyped(event: Event): void {
    const input = event.target as HTMLInputElement;
    const typed = input.valueAsNumber;
    if (Number.isFinite(typed)) this.go(stepIndex(this.steps, typed));
    input.value = String(this.steps[stepIndex(this.steps, this.step)]);
  }
}

customElements.define("rg-step-slider", RgStepSlider);
