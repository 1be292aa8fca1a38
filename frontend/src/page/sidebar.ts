import { css, html, LitElement } from "lit";
import { emit } from "../components/base/events";
import { byValue } from "../components/base/memo";
import { controls } from "../components/base/theme";
import { ROW_PIXELS } from "./checklist";
import type { ListItem } from "./sidebar_items";

/** The height of a list's heading and filter. */
const ABOVE_ROWS = 72;

/** The lists that choose which runs and tags are shown. */
export class RgSidebar extends LitElement {
  static override properties = {
    runItems: { attribute: false },
    tagItems: { attribute: false },
    runs: byValue,
    tags: byValue,
    others: byValue,
    runFilter: { type: String },
    tagFilter: { type: String },
  };
  static override styles = [
    controls,
    css`
      :host {
        width: 250px; flex: none; display: flex; flex-direction: column; gap: 16px; padding: 12px;
        border-right: 1px solid var(--rg-border); background: var(--rg-background); min-height: 0;
        resize: horizontal; overflow: hidden; min-width: 160px; max-width: 60vw;
      }
      /* A long list leaves the other one room for its rows, up to two fifths. */
      rg-checklist { flex: 0 1 auto; min-height: max(110px, min(40%, var(--rows))); }
      rg-checklist:first-child { flex-shrink: 3; }
      @media (max-width: 760px) {
        :host { width: auto; flex-direction: row; border-right: 0; border-bottom: 1px solid var(--rg-border); max-height: 220px; max-width: none; resize: none; }
        rg-checklist { flex: 1 1 0; max-height: none; min-width: 0; }
      }
    `,
  ];

  declare runItems: ListItem[];
  declare tagItems: ListItem[];
  /** Names of the runs shown. */
  declare runs: string[];
  declare tags: string[];
  /** Chosen tags that this tab does not offer but others draw. */
  declare others: string[];
  declare runFilter: string;
  declare tagFilter: string;

  override render() {
    return html`
      <rg-checklist
        heading="Runs" style=${roomFor(this.runItems)} .items=${this.runItems} .selected=${this.runs} .filter=${this.runFilter}
        @select=${(event: CustomEvent<string[]>) => emit(this, "rg-set", { runs: event.detail })}
        @filter=${(event: CustomEvent<string>) => emit(this, "rg-set", { runFilter: event.detail })}
      ></rg-checklist>
      <rg-checklist
        heading="Tags" style=${roomFor(this.tagItems)} .items=${this.tagItems} .selected=${this.tags} .filter=${this.tagFilter}
        @select=${(event: CustomEvent<string[]>) => this.onTags(event.detail)}
        @filter=${(event: CustomEvent<string>) => emit(this, "rg-set", { tagFilter: event.detail })}
      ></rg-checklist>
    `;
  }

  private onTags(chosen: string[]): void {
    emit(this, "rg-set", { tags: chosen.length ? [...chosen, ...this.others] : [] });
  }
}

/** The height of a list with its heading and filter, in pixels. */
function roomFor(items: readonly ListItem[]): string {
  return `--rows: ${ABOVE_ROWS + ROW_PIXELS * items.length}px`;
}

customElements.define("rg-sidebar", RgSidebar);
