import { css, html, LitElement, nothing } from "lit";
import { breakable } from "../components/base/breakable";
import { byValue, Memo } from "../components/base/memo";
import { controls } from "../components/base/theme";
import { HELP } from "../components/controls/help";
import { matcher } from "../maths/matcher";
import type { ListItem } from "./sidebar_items";

/** Draw this many names at a time, as they come into view: lists may hold thousands. */
const BLOCK = 50;
/** The height of a name in one line. */
export const ROW_PIXELS = 25;

/**
 * A list of names with check boxes and a filter, which is a regular expression.
 *
 * The list draws only blocks of names that are in view or close to it. The other blocks keep the height they
 * had, or an estimated height.
 *
 * Fires `select` with the names checked, and `filter` with the text.
 */
export class RgChecklist extends LitElement {
  static override properties = {
    heading: { type: String },
    items: { attribute: false },
    selected: byValue,
    filter: { type: String },
  };
  static override styles = [
    controls,
    css`
      :host { display: flex; flex-direction: column; min-height: 0; }
      .head { display: flex; align-items: baseline; gap: 8px; margin-bottom: 6px; }
      h2 { font-size: 13px; font-weight: 500; margin: 0; }
      input[type="search"] { width: 100%; flex: none; }
      input[aria-invalid="true"] { border-color: var(--rg-error); }
      .problem { color: var(--rg-error); font-size: 12px; margin-top: 4px; }
      .list { margin: 6px 0 0; padding: 0 2px; overflow-y: auto; min-height: 0; }
      label { display: flex; align-items: center; gap: 6px; padding: 3px 0; cursor: pointer; }
      label:hover { background: var(--rg-hover); }
      .swatch { width: 10px; height: 10px; border-radius: 50%; flex: none; }
      .count { font-size: 12px; flex: 1; white-space: nowrap; }
      .name { overflow-wrap: anywhere; line-height: 1.25; flex: 1; }
      .note { font-size: 11px; color: var(--rg-muted); white-space: nowrap; }
      .empty { color: var(--rg-muted); padding: 4px 0; }
    `,
  ];

  declare heading: string;
  declare items: ListItem[];
  declare selected: string[];
  declare filter: string;

  private readonly matching = new Memo<readonly ListItem[]>();
  private shown: readonly ListItem[] = [];
  /** The numbers of the blocks that are drawn, and the heights of blocks that were drawn before. */
  private readonly near = new Set([0]);
  private heights: number[] = [];
  private watched: IntersectionObserver | null = null;

  override render() {
    const filter = matcher(this.filter);
    const shown = this.matching.of([this.items, this.filter], () =>
      this.items.filter(({ name }) => filter.test(name)),
    );
    if (shown !== this.shown) this.heights = [];
    this.shown = shown;
    const selected = new Set(this.selected);
    const blocks = Math.ceil(shown.length / BLOCK);
    return html`
      <div class="head">
        <h2 id="heading">${this.heading}</h2>
        <span class="count muted">${selected.size} of ${this.items.length}</span>
        <button class="link" aria-description=${HELP.all} @click=${() => this.choose(true)}>all</button>
        <button class="link" aria-description=${HELP.none} @click=${() => this.choose(false)}>none</button>
      </div>
      <input
        type="search" placeholder="Filter (regex)" aria-label="Filter ${this.heading.toLowerCase()} by regular expression"
        spellcheck="false" aria-description=${HELP.filter} .value=${this.filter} aria-invalid=${filter.valid ? "false" : "true"}
        @input=${(event: Event) => this.fire("filter", (event.target as HTMLInputElement).value)}
      />
      ${filter.valid ? nothing : html`<div class="problem" role="alert">No regular expression; everything is listed.</div>`}
      <div class="list" role=${shown.length ? "list" : nothing} aria-labelledby="heading">
        ${Array.from({ length: blocks }, (_, block) => this.renderBlock(block, selected))}
        ${shown.length ? nothing : html`<div class="empty">${this.items.length ? `None of ${this.items.length} matches.` : "None yet."}</div>`}
      </div>
    `;
  }

  private renderBlock(block: number, selected: ReadonlySet<string>) {
    const items = this.shown.slice(block * BLOCK, (block + 1) * BLOCK);
    const near = this.near.has(block);
    const height = near ? "auto" : `${this.heights[block] ?? items.length * ROW_PIXELS}px`;
    return html`<div class="block" role="presentation" data-block=${block} style="height: ${height}">
      ${near ? items.map((item, i) => this.renderItem(item, block * BLOCK + i, selected)) : nothing}
    </div>`;
  }

  private renderItem({ name, colour, note }: ListItem, place: number, selected: ReadonlySet<string>) {
    return html`
      <div role="listitem" aria-setsize=${this.shown.length} aria-posinset=${place + 1}>
        <label title=${name}>
          <input
            type="checkbox" .checked=${selected.has(name)}
            @change=${(event: Event) => this.toggle(name, (event.target as HTMLInputElement).checked)}
          />
          ${colour ? html`<span class="swatch" style="background:${colour}"></span>` : nothing}
          <span class="name">${breakable(name)}</span>
          ${note ? html`<span class="note">${note}</span>` : nothing}
        </label>
      </div>
    `;
  }

  override updated(): void {
    const list = this.renderRoot.querySelector(".list");
    this.watched ??= new IntersectionObserver((entries) => this.see(entries), {
      root: list,
      rootMargin: "400px",
    });
    for (const block of this.renderRoot.querySelectorAll(".block")) this.watched.observe(block);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.watched?.disconnect();
    this.watched = null;
  }

  /** Draw blocks that come near and drop those that left, except a block that has the focus. */
  private see(entries: readonly IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting, boundingClientRect } of entries) {
      const block = Number((target as HTMLElement).dataset.block);
      if (isIntersecting) this.near.add(block);
      else if (!target.contains((this.renderRoot as ShadowRoot).activeElement)) {
        if (this.near.delete(block)) this.heights[block] = boundingClientRect.height;
      }
    }
    this.requestUpdate();
  }

  private toggle(name: string, checked: boolean): void {
    this.change((chosen) => (checked ? chosen.add(name) : chosen.delete(name)));
  }

  private choose(checked: boolean): void {
    this.change((chosen) => {
      for (const { name } of this.shown) checked ? chosen.add(name) : chosen.delete(name);
    });
  }

  private change(alter: (chosen: Set<string>) => void): void {
    const chosen = new Set(this.selected);
    alter(chosen);
    const places = new Map(this.items.map(({ name }, place) => [name, place]));
    const place = (name: string) => places.get(name) ?? places.size;
    this.fire(
      "select",
      [...chosen].sort((a, b) => place(a) - place(b)),
    );
  }

  private fire(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

customElements.define("rg-checklist", RgChecklist);
