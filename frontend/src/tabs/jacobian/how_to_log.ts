import { css, html, LitElement } from "lit";
import { controls } from "../../components/base/theme";

const lines = (framework: string, layer: string, losses: string) => `import tb_rnngrad.${framework}

writer = tb_rnngrad.SummaryWriter("logs/my_run")

# log10 |dh_t/dx_s|: how the state at t depends on the input at s
jacobian = tb_rnngrad.${framework}.state_jacobian(model, x)["${layer}"]
writer.add_sequence("${layer}/jacobian", jacobian, step)

# |dL_t/dh_s|: how far back the losses at chosen timesteps reach, each alone
itemized = tb_rnngrad.${framework}.itemized_gradients(model, ${losses}, at=[15, 31, -1])["${layer}"]
writer.add_sequence("${layer}/itemized", itemized, step)`;

const KERAS = lines("keras", "lstm_1", "x, y");
const PYTORCH = lines("torch", "lstm", "losses");

/** Shows how to log what the Jacobian tab draws. */
export class RgHowToJacobian extends LitElement {
  static override styles = [
    controls,
    css`
      pre {
        margin: 8px 0; padding: 12px; overflow-x: auto; border: 1px solid var(--rg-border); border-radius: 4px;
        background: var(--rg-page); color: var(--rg-text); font: 12px/1.5 "Roboto Mono", Consolas, Menlo, monospace;
      }
    `,
  ];

  override render() {
    return html`
      They are costlier than gradients, so nothing logs them by itself. With Keras:
      <pre tabindex="0">${KERAS}</pre>
      With PyTorch, where <code>losses()</code> runs the model and returns the losses of all timesteps:
      <pre tabindex="0">${PYTORCH}</pre>
    `;
  }
}

customElements.define("rg-how-to-jacobian", RgHowToJacobian);
