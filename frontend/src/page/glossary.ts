import { css, html, LitElement, nothing } from "lit";
import { controls } from "../components/base/theme";
import { HELP } from "../components/controls/help";
import { GLOSSARY } from "./glossary_entries";

/** The page's words, explained. */
export class RgGlossary extends LitElement {
  static override properties = { open: { state: true } };
  static override styles = [
    controls,
    css`
      :host { display: inline-block; }
      dialog {
        width: min(720px, 94vw); max-height: 84vh; padding: 0; color: var(--rg-text); background: var(--rg-background);
        border: 1px solid var(--rg-border); border-radius: 6px;
      }
      dialog::backdrop { background: #0006; }
      header { position: sticky; top: 0; display: flex; align-items: center; padding: 10px 16px; background: var(--rg-background); border-bottom: 1px solid var(--rg-border); }
      h2 { flex: 1; margin: 0; font-size: 15px; font-weight: 500; }
      dl { margin: 0; padding: 4px 16px 16px; }
      dt { margin-top: 12px; font-weight: 500; }
      dd { margin: 2px 0 0; }
      .formula { font-family: "Cambria Math", "STIX Two Math", Georgia, serif; font-style: italic; }
      .docs { font-size: 12px; }
    `,
  ];

  /** Whether the glossary was ever opened. Until then its words are not on the page. */
  declare open: boolean;

  constructor() {
    super();
    this.open = false;
  }

  override render() {
    return html`
      <button class="link" aria-haspopup="dialog" aria-description=${HELP.glossary} @click=${this.show}>Glossary</button>
      <dialog aria-label="Glossary" tabindex="-1" @close=${() => (this.open = false)} @click=${this.onBackdrop}>
        ${this.open ? this.renderTerms() : nothing}
      </dialog>
    `;
  }

  private renderTerms() {
    return html`
      <header><h2>Glossary</h2><button @click=${() => this.dialog.close()}>Close</button></header>
      <dl>
        ${GLOSSARY.map(
          ({ name, words, formula, docs }) => html`
            <dt>${name}</dt>
            <dd>${words}</dd>
            ${formula ? html`<dd class="formula">${indexed(formula)}</dd>` : nothing}
            <dd class="docs muted">More in docs/${docs}</dd>
          `,
        )}
      </dl>
    `;
  }

  private get dialog(): HTMLDialogElement {
    return this.renderRoot.querySelector("dialog") as HTMLDialogElement;
  }

  private async show(): Promise<void> {
    this.open = true;
    await this.updateComplete;
    this.dialog.showModal();
  }

  /** Close the glossary on a click beside it. */
  private onBackdrop(event: MouseEvent): void {
    if (event.target === this.dialog) this.dialog.close();
  }
}

/** A formula in which what follows an underscore is a subscript. */
function indexed(formula: string) {
  return formula.split(/_([\w≥+ℓ]+)/).map((part, i) => (i % 2 ? html`<sub>${part}</sub>` : part));
}

customElements.define("rg-glossary", RgGlossary);
