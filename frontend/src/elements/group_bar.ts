import { css, html, LitElement, nothing } from "lit";
import { matcher } from "../choices";
import type { State } from "../state";
import type { Grouping } from "../views/run_groups";
import { tell } from "./events";
import { controls } from "./theme";

/** Which runs of the overview are one: the same but for a seed. */
export class RgGroupBar extends LitElement {
  static override properties = { state: { attribute: false }, names: { attribute: false } };
  static override styles = [
    controls,
    css`
      :host { display: flex; flex-wrap: wrap; gap: 6px 12px; align-items: center; margin-bottom: 8px; }
      span { display: inline-flex; align-items: center; gap: 6px; }
      select { max-width: 260px; }
      input { width: 260px; max-width: 60vw; }
      input[aria-invalid="true"] { border-color: var(--rg-error); }
    `,
  ];

  declare state: State;
  /** Names of hyperparameters that any run logged. */
  declare names: string[];

  override render() {
    const { groupBy, groupPattern } = this.state;
    const options: [Grouping, string][] = [
      ["", "nothing: each by itself"],
      ["regex", "a part of their names"],
      ...(this.names.length
        ? ([["hparams", "hyperparameters, but a seed"]] satisfies [Grouping, string][])
        : []),
      ...this.names.map((name): [Grouping, string] => [`hparam:${name}`, `hyperparameter ${name}`]),
    ];
    const { valid } = matcher(groupPattern);
    return html`
      <span>
        <label for="groupBy">Group runs by</label>
        <select id="groupBy" @change=${(event: Event) =>
          tell(this, "rg-set", { groupBy: (event.target as HTMLSelectElement).value as Grouping })}>
          ${options.map(([value, text]) => html`<option value=${value} .selected=${value === groupBy}>${text}</option>`)}
        </select>
      </span>
      ${
        groupBy === "regex"
          ? html`<span><label for="groupPattern" title="Runs of which it captures the same are a group">Regular expression</label><input
              id="groupPattern" type="text" spellcheck="false" .value=${groupPattern} aria-invalid=${valid ? "false" : "true"}
              @change=${(event: Event) => tell(this, "rg-set", { groupPattern: (event.target as HTMLInputElement).value })}
            /></span>`
          : nothing
      }
      ${groupBy ? html`<span class="muted">Lines are means over the runs of a group, bands reach from the least to the most.</span>` : nothing}
    `;
  }
}

customElements.define("rg-group-bar", RgGroupBar);
