import { css, html, LitElement, nothing } from "lit";
import { matcher } from "../choices";
import { HELP } from "../help";
import { breakable } from "./breakable";
import { controls } from "./theme";

export interface ChecklistItem {
  name: string;
  /** A swatch's colour. */
  colour?: string;
  /** Set apart on the right. */
  note?: string;
}

/**
 * A list of names with check boxes and a filter, a regular expression.
 *
 * Fires `select` with the names checked, and `filter` with the text.
 */
export class RgChecklist extends LitElement {
  static override properties = {
    heading: { type: String },
    items: { attribute: false },
    selected: { attribute: false },
    filter: { type: String },
  };
  static override styles = [
    controls,
    css`
      :host { display: flex; flex-direction: column; min-height: 0; }
      .head { display: flex; align-items: baseline; gap: 8px; margin-bottom: 6px; }
      h2 { font-size: 13px; font-weight: 500; margin: 0; flex: 1; }
      input[type="search"] { width: 100%; flex: none; }
      input[aria-invalid="true"] { border-color: var(--rg-error); }
      .problem { color: var(--rg-error); font-size: 12px; margin-top: 4px; }
      ul { list-style: none; margin: 6px 0 0; padding: 0 2px; overflow-y: auto; min-height: 0; }
      label { display: flex; align-items: center; gap: 6px; padding: 3px 0; cursor: pointer; }
      label:hover { background: var(--rg-hover); }
      .swatch { width: 10px; height: 10px; border-radius: 50%; flex: none; }
      .name { overflow-wrap: anywhere; line-height: 1.25; flex: 1; }
      .note { font-size: 11px; color: var(--rg-muted); white-space: nowrap; }
      .empty { color: var(--rg-muted); padding: 4px 0; }
    `,
  ];

  declare heading: string;
  declare items: ChecklistItem[];
  declare selected: string[];
  declare filter: string;

  override render() {
    const filter = matcher(this.filter);
    const shown = this.items.filter(({ name }) => filter.test(name));
    return html`
      <div class="head">
        <h2 id="heading">${this.heading}</h2>
        <button class="link" @click=${() => this.choose(shown, true)}>all</button>
        <button class="link" @click=${() => this.choose(shown, false)}>none</button>
      </div>
      <input
        type="search" placeholder="Filter (regex)" aria-label="Filter ${this.heading.toLowerCase()} by regular expression"
        spellcheck="false" aria-description=${HELP.filter} .value=${this.filter} aria-invalid=${filter.valid ? "false" : "true"}
        @input=${(event: Event) => this.fire("filter", (event.target as HTMLInputElement).value)}
      />
      ${filter.valid ? nothing : html`<div class="problem" role="alert">No regular expression; everything is listed.</div>`}
      <ul aria-labelledby="heading">
        ${shown.map((item) => this.renderItem(item))}
        ${shown.length ? nothing : html`<li class="empty">${this.items.length ? `None of ${this.items.length} matches.` : "None yet."}</li>`}
      </ul>
    `;
  }

  private renderItem({ name, colour, note }: ChecklistItem) {
    return html`
      <li>
        <label title=${name}>
          <input
            type="checkbox" .checked=${this.selected.includes(name)}
            @change=${(event: Event) => this.toggle(name, (event.target as HTMLInputElement).checked)}
          />
          ${colour ? html`<span class="swatch" style="background:${colour}"></span>` : nothing}
          <span class="name">${breakable(name)}</span>
          ${note ? html`<span class="note">${note}</span>` : nothing}
        </label>
      </li>
    `;
  }

  private toggle(name: string, checked: boolean): void {
    this.change((chosen) => (checked ? chosen.add(name) : chosen.delete(name)));
  }

  private choose(items: ChecklistItem[], checked: boolean): void {
    this.change((chosen) => {
      for (const { name } of items) checked ? chosen.add(name) : chosen.delete(name);
    });
  }

  private change(alter: (chosen: Set<string>) => void): void {
    const chosen = new Set(this.selected);
    alter(chosen);
    const order = this.items.map(({ name }) => name);
    this.fire(
      "select",
      [...chosen].sort((a, b) => order.indexOf(a) - order.indexOf(b)),
    );
  }

  private fire(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

customElements.define("rg-checklist", RgChecklist);
