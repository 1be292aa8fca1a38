import { css, html, LitElement } from "lit";
import { controls } from "./theme";

const KERAS = `import tb_rnngrad.keras

model.fit(x, y, epochs=10, callbacks=[
    tb_rnngrad.keras.GradientLogger("logs/my_run")])`;

const ANY = `import tb_rnngrad

with tb_rnngrad.SummaryWriter("logs/my_run") as writer:
    # any array [samples, timesteps, channels]
    writer.add_sequence("lstm", gradient, global_step=step)`;

/** How to log what this page shows. */
export class RgHowToLog extends LitElement {
  static override styles = [
    controls,
    css`
      :host { display: block; margin-top: 12px; }
      pre {
        margin: 4px 0 12px; padding: 12px; overflow-x: auto; border: 1px solid var(--rg-border); border-radius: 4px;
        background: var(--rg-page); color: var(--rg-text); font: 12px/1.5 "Roboto Mono", Consolas, Menlo, monospace;
      }
    `,
  ];

  override render() {
    return html`
      With Keras:
      <pre tabindex="0">${KERAS}</pre>
      From any training loop:
      <pre tabindex="0">${ANY}</pre>
      Then start TensorBoard on the same folder, <code>tensorboard --logdir logs</code>. New data appears when
      TensorBoard reloads.
    `;
  }
}

customElements.define("rg-how-to-log", RgHowToLog);
