import { css, html, LitElement, nothing } from "lit";
import { emit } from "../components/base/events";
import { controls } from "../components/base/theme";
import { HELP } from "../components/controls/help";
import { copyText } from "../host/clipboard";
import { TAB_NAMES, type TabName } from "../state/options";
import { TABS } from "../tabs/index";
import "./glossary";

/** The tabs, and a link to what the page shows. */
export class RgTabBar extends LitElement {
  static override properties = {
    view: { type: String },
    link: { attribute: false },
    copied: { state: true },
    shown: { state: true },
  };
  static override styles = [
    controls,
    css`
      :host { position: relative; display: flex; justify-content: space-between; gap: 12px; margin-top: -10px; border-bottom: 1px solid var(--rg-border); }
      nav { display: flex; flex-wrap: wrap; gap: 4px; }
      .shown {
        position: absolute; right: 0; top: 40px; z-index: 3; display: grid; gap: 4px; width: min(420px, 90%); padding: 8px;
        background: var(--rg-background); border: 1px solid var(--rg-border); border-radius: 4px; box-shadow: 0 2px 6px #0004;
      }
      .links { display: flex; flex: none; align-items: center; gap: 14px; height: 36px; }
      nav button { border: 0; border-radius: 0; border-bottom: 2px solid transparent; height: 36px; padding: 0 12px; background: none; }
      nav button[aria-selected="true"] { border-color: var(--rg-accent-text); color: var(--rg-accent-text); font-weight: 500; }
    `,
  ];

  declare view: TabName;
  /** Gives the address of what the page shows. */
  declare link: () => string;
  declare copied: boolean;
  /** The address to copy by hand, where the browser does not let the page copy. */
  declare shown: string;

  constructor() {
    super();
    this.copied = false;
    this.shown = "";
  }

  override render() {
    return html`
      <nav role="tablist" aria-label="Views" @keydown=${this.onKey}>${TAB_NAMES.map((view) => this.renderTab(view))}</nav>
      <span class="links">
        <rg-glossary></rg-glossary>
        <button class="link copy" aria-description=${HELP.link} @click=${this.onCopy}>${this.copied ? "Link copied" : "Copy link"}</button>
      </span>
      ${
        this.shown
          ? html`<label class="shown">
              This browser lets nothing be copied here; copy the link by hand:
              <input type="text" readonly .value=${this.shown} @blur=${() => (this.shown = "")} @keydown=${this.onShownKey} />
            </label>`
          : nothing
      }
    `;
  }

  private renderTab(view: TabName) {
    const { name, question } = TABS[view];
    const selected = view === this.view;
    return html`<button
      role="tab" aria-description=${question} aria-selected=${selected ? "true" : "false"} tabindex=${selected ? 0 : -1}
      @click=${() => emit(this, "rg-set", { view })}
    >${name}</button>`;
  }

  /** Handle arrow keys, Home and End, as tab lists do. */
  private async onKey(event: KeyboardEvent): Promise<void> {
    const [at, count] = [TAB_NAMES.indexOf(this.view), TAB_NAMES.length];
    const target = { ArrowLeft: at + count - 1, ArrowRight: at + 1, Home: 0, End: count - 1 }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    emit(this, "rg-set", { view: TAB_NAMES[target % count] });
    await this.updateComplete;
    this.renderRoot.querySelectorAll<HTMLButtonElement>("[role=tab]")[target % count].focus();
  }

  private onShownKey(event: KeyboardEvent): void {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    this.renderRoot.querySelector<HTMLElement>("button.copy")?.focus();
  }

  private async onCopy(): Promise<void> {
    const link = this.link();
    if (!(await copyText(link))) {
      this.shown = link;
      await this.updateComplete;
      this.renderRoot.querySelector("input")?.select();
      return;
    }
    this.copied = true;
    setTimeout(() => {
      this.copied = false;
    }, 2000);
  }
}

customElements.define("rg-tab-bar", RgTabBar);
