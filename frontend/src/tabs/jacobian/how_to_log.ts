import { css, html, LitElement } from "lit";
import { controls } from "../../components/base/theme";

const LINES = `import tb_rnngrad.keras

writer = tb_rnngrad.SummaryWriter("logs/my_run")

# log10 |dh_t/dx_s|: how the state at t depends on the input at s
jacobian = tb_rnngrad.keras.state_jacobian(model, x)["lstm_1"]
writer.add_sequence("lstm_1/jacobian", jacobian, step)

# |dL_t/dh_s|: how far back the losses at chosen timesteps reach, each alone
itemized = tb_rnngrad.keras.itemized_gradients(model, x, y, at=[15, 31, -1])["lstm_1"]
writer.add_sequence("lstm_1/itemized", itemized, step)`;

/** Shows how to log what the Jacobian tab draws. */
export class RgHowToJacobian extends LitElement {
  static override styles = [
    controls,
    css`
      pre {
        margin: 8px 0 0; padding: 12px; overflow-x: auto; border: 1px solid var(--rg-border); border-radius: 4px;
        background: var(--rg-page); color: var(--rg-text); font: 12px/1.5 "Roboto Mono", Consolas, Menlo, monospace;
      }
    `,
  ];

  override render() {
    return html`They are costlier than gradients, so nothing logs them by itself:<pre tabindex="0">${LINES}</pre>`;
  }
}

customElements.define("rg-how-to-jacobian", RgHowToJacobian);
