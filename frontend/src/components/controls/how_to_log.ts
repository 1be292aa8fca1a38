import { css, html, LitElement } from "lit";
import { controls } from "../base/theme";

/** The lines of code that log: with Keras, with PyTorch, and without a framework. */
const LINES = {
  sequences: [
    `import tb_rnngrad.keras

model.fit(x, y, epochs=10, callbacks=[
    tb_rnngrad.keras.GradientLogger("logs/my_run")])`,
    `import tb_rnngrad.torch

# before the training loop
logger = tb_rnngrad.torch.GradientLogger("logs/my_run", model, optimizer)`,
    `import tb_rnngrad

with tb_rnngrad.SummaryWriter("logs/my_run") as writer:
    # any array [samples, timesteps, channels]
    writer.add_sequence("lstm", gradient, global_step=step)`,
  ],
  weights: [
    `import tb_rnngrad.keras

model.fit(x, y, epochs=10, callbacks=[
    tb_rnngrad.keras.GradientLogger(
        "logs/my_run", of=("hidden_state", "weights", "weight_gradients"))])`,
    `import tb_rnngrad.torch

# before the training loop
logger = tb_rnngrad.torch.GradientLogger(
    "logs/my_run", model, optimizer, of=("hidden_state", "weights", "weight_gradients"))`,
    `import tb_rnngrad

with tb_rnngrad.SummaryWriter("logs/my_run") as writer:
    # any array [rows, channels]; the same with quantity="weight_gradient"
    writer.add_sequence(
        "lstm/weights/kernel", kernel, global_step=step, quantity="weight",
        channel_groups={"i": 64, "f": 64, "c": 64, "o": 64})`,
  ],
};

/** Shows how to log what this page draws. */
export class RgHowToLog extends LitElement {
  static override properties = { what: { type: String } };
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

  declare what: keyof typeof LINES;

  constructor() {
    super();
    this.what = "sequences";
  }

  override render() {
    const [keras, torch, any] = LINES[this.what];
    return html`
      With Keras:
      <pre tabindex="0">${keras}</pre>
      With PyTorch:
      <pre tabindex="0">${torch}</pre>
      From any training loop:
      <pre tabindex="0">${any}</pre>
      Then start TensorBoard on the same folder, <code>tensorboard --logdir logs</code>. New data appears when
      TensorBoard reloads.
    `;
  }
}

customElements.define("rg-how-to-log", RgHowToLog);
