import { css, html, LitElement, nothing } from "lit";
import { emit } from "../../components/base/events";
import { controls } from "../../components/base/theme";
import { HELP } from "../../components/controls/help";

/** Chooses which of TensorBoard's scalars are drawn above the horizon. */
export class RgScalarBar extends LitElement {
  static override properties = { tags: { attribute: false }, chosen: { attribute: false } };
  static override styles = [
    controls,
    css`
      :host { display: flex; flex-wrap: wrap; gap: 6px 10px; align-items: center; margin-top: 10px; }
      span { display: inline-flex; align-items: center; gap: 6px; }
      select { max-width: 220px; }
      button { overflow-wrap: anywhere; white-space: normal; height: auto; min-height: 28px; }
    `,
  ];

  /** All tags, and those that are drawn. */
  declare tags: string[];
  declare chosen: string[];

  override render() {
    const others = this.tags.filter((tag) => !this.chosen.includes(tag));
    return html`
      ${this.chosen.map(
        (tag) =>
          html`<button aria-label="Do not draw ${tag}" aria-description=${HELP.noScalar} @click=${() =>
            this.set(this.chosen.filter((scalar) => scalar !== tag))}>${tag} ×</button>`,
      )}
      ${
        others.length
          ? html`<span><label for="scalar">Beside the horizon</label><select id="scalar" aria-description=${HELP.scalar} @change=${this.onAdd}>
              <option value="">add a scalar …</option>
              ${others.map((tag) => html`<option value=${tag}>${tag}</option>`)}
            </select></span>`
          : nothing
      }
    `;
  }

  private onAdd(event: Event): void {
    const select = event.target as HTMLSelectElement;
    this.set([...this.chosen, select.value]);
    select.value = "";
  }

  private set(scalars: string[]): void {
    emit(this, "rg-set", { scalars });
  }
}

customElements.define("rg-scalar-bar", RgScalarBar);
