import { css, html, LitElement } from "lit";
import { emit } from "../components/base/events";
import { controls } from "../components/base/theme";
import { HELP } from "../components/controls/help";
import { stepAt, stepIndex } from "../state/choices";
import { SPEEDS } from "../state/options";

/** Plays the training: one kept step after another. It asks for a step only after the previous one was shown. */
export class RgPlayButton extends LitElement {
  static override properties = {
    steps: { attribute: false },
    step: { attribute: false },
    speed: { type: Number },
    loop: { type: Boolean },
    waiting: { type: Boolean },
    playing: { state: true },
  };
  static override styles = [
    controls,
    css`
      :host { display: inline-flex; align-items: center; gap: 6px; white-space: nowrap; }
      label { display: inline-flex; align-items: center; gap: 4px; }
    `,
  ];

  declare steps: number[];
  declare step: number | null;
  /** Steps a second. */
  declare speed: number;
  declare loop: boolean;
  /** Whether the pictures of the step are still loading. */
  declare waiting: boolean;
  declare playing: boolean;

  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.playing = false;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stop();
  }

  override render() {
    return html`
      <button aria-description=${HELP.play} aria-pressed=${this.playing ? "true" : "false"} ?disabled=${this.steps.length < 2} @click=${this.toggle}>
        ${this.playing ? "Pause" : "Play"}
      </button>
      <label><input type="checkbox" aria-description=${HELP.loop} .checked=${this.loop} @change=${this.onLoop} />loop</label>
      <select aria-label="Speed" aria-description=${HELP.speed} @change=${this.onSpeed}>
        ${SPEEDS.map((speed) => html`<option value=${speed} .selected=${speed === this.speed}>${speed}/s</option>`)}
      </select>
    `;
  }

  private toggle(): void {
    if (this.playing) this.stop();
    else this.start();
  }

  private start(): void {
    this.playing = true;
    const atLast = stepIndex(this.steps, this.step) === this.steps.length - 1;
    if (atLast) emit(this, "rg-set", { step: stepAt(this.steps, 0) });
    this.schedule();
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.playing = false;
  }

  private schedule(): void {
    this.timer = setTimeout(() => this.advance(), 1000 / this.speed);
  }

  private advance(): void {
    const last = this.steps.length - 1;
    const index = stepIndex(this.steps, this.step);
    if (index >= last && !this.loop) {
      this.stop();
      return;
    }
    if (!this.waiting) emit(this, "rg-set", { step: stepAt(this.steps, index >= last ? 0 : index + 1) });
    this.schedule();
  }

  private onLoop(event: Event): void {
    emit(this, "rg-set", { loop: (event.target as HTMLInputElement).checked });
  }

  private onSpeed(event: Event): void {
    emit(this, "rg-set", { speed: Number((event.target as HTMLSelectElement).value) });
  }
}

customElements.define("rg-play-button", RgPlayButton);
