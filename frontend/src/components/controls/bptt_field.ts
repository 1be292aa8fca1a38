import { css, html, LitElement } from "lit";
import { emit } from "../base/events";
import { controls } from "../base/theme";
import { HELP } from "./help";

/** A field for the window of truncated backpropagation through time. */
export class RgBpttField extends LitElement {
  static override properties = { window: { attribute: false } };
  static override styles = [
    controls,
    css`
      :host { display: inline-flex; align-items: center; gap: 6px; }
      input { width: 76px; }
    `,
  ];

  /** The window in timesteps; null if backpropagation is not truncated. */
  declare window: number | null;

  override render() {
    return html`
      <label for="bptt">BPTT window</label>
      <input
        id="bptt" type="number" class="number" min="1" step="1" placeholder="none"
        aria-description=${HELP.bptt}
        .value=${this.window === null ? "" : String(this.window)} @change=${this.onWindow}
      /> <span class="muted">timesteps</span>
    `;
  }

  private onWindow(event: Event): void {
    const input = event.target as HTMLInputElement;
    const typed = input.valueAsNumber;
    if (input.value === "") emit(this, "rg-set", { bptt: null });
    else if (Number.isInteger(typed) && typed > 0) emit(this, "rg-set", { bptt: typed });
    input.value = this.window === null ? "" : String(this.window);
  }
}

customElements.define("rg-bptt-field", RgBpttField);
