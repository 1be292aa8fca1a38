import { css, html, LitElement } from "lit";
import { copyText } from "../clipboard";
import { VIEWS, type View } from "../state";
import { TABS } from "../tabs";
import { tell } from "./events";
import { controls } from "./theme";

/** The tabs, and a link to what is seen. */
export class RgTabBar extends LitElement {
  static override properties = {
    view: { type: String },
    link: { attribute: false },
    copied: { state: true },
  };
  static override styles = [
    controls,
    css`
      :host { display: flex; justify-content: space-between; gap: 12px; margin-top: -10px; border-bottom: 1px solid var(--rg-border); }
      nav { display: flex; flex-wrap: wrap; gap: 4px; }
      button.link { align-self: flex-start; height: 36px; }
      nav button { border: 0; border-radius: 0; border-bottom: 2px solid transparent; height: 36px; padding: 0 12px; background: none; }
      nav button[aria-selected="true"] { border-color: var(--rg-accent-text); color: var(--rg-accent-text); font-weight: 500; }
    `,
  ];

  declare view: View;
  /** The address of what is seen. */
  declare link: () => string;
  declare copied: boolean;

  constructor() {
    super();
    this.copied = false;
  }

  override render() {
    return html`
      <nav role="tablist" aria-label="Views" @keydown=${this.onKey}>${VIEWS.map((view) => this.renderTab(view))}</nav>
      <button class="link" @click=${this.onCopy}>${this.copied ? "Link copied" : "Copy link"}</button>
    `;
  }

  private renderTab(view: View) {
    const { name, question } = TABS[view];
    const selected = view === this.view;
    return html`<button
      role="tab" title=${question} aria-selected=${selected ? "true" : "false"} tabindex=${selected ? 0 : -1}
      @click=${() => tell(this, "rg-set", { view })}
    >${name}</button>`;
  }

  /** Arrow keys, Home and End, as tab lists have them. */
  private async onKey(event: KeyboardEvent): Promise<void> {
    const [at, count] = [VIEWS.indexOf(this.view), VIEWS.length];
    const target = { ArrowLeft: at + count - 1, ArrowRight: at + 1, Home: 0, End: count - 1 }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    tell(this, "rg-set", { view: VIEWS[target % count] });
    await this.updateComplete;
    this.renderRoot.querySelectorAll<HTMLButtonElement>("[role=tab]")[target % count].focus();
  }

  private async onCopy(): Promise<void> {
    await copyText(this.link());
    this.copied = true;
    setTimeout(() => {
      this.copied = false;
    }, 2000);
  }
}

customElements.define("rg-tab-bar", RgTabBar);
