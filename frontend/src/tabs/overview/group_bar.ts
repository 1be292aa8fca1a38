import { css, html, LitElement, nothing } from "lit";
import { emit } from "../../components/base/events";
import { controls } from "../../components/base/theme";
import { choose, type Option } from "../../components/controls/fields";
import { HELP } from "../../components/controls/help";
import { matcher } from "../../maths/matcher";
import type { Grouping } from "../../maths/run_groups";
import type { State } from "../../state/state";

/** Chooses which runs of the overview form a group: those that differ only in a seed. */
export class RgGroupBar extends LitElement {
  static override properties = { state: { attribute: false }, names: { attribute: false } };
  static override styles = [
    controls,
    css`
      :host { display: flex; flex-wrap: wrap; gap: 6px 12px; align-items: center; margin-bottom: 8px; }
      select { max-width: 260px; }
      input { width: 260px; max-width: 60vw; }
      input[aria-invalid="true"] { border-color: var(--rg-error); }
    `,
  ];

  declare state: State;
  /** The names of the hyperparameters that any run logged. */
  declare names: string[];

  override render() {
    const { groupBy, groupPattern } = this.state;
    const options: Option<Grouping>[] = [
      ["", "nothing: each by itself"],
      ["regex", "a part of their names"],
      ...(this.names.length
        ? ([["hparams", "hyperparameters, but a seed"]] satisfies Option<Grouping>[])
        : []),
      ...this.names.map((name): Option<Grouping> => [`hparam:${name}`, `hyperparameter ${name}`]),
    ];
    const { valid } = matcher(groupPattern);
    return html`
      ${choose(this.state, "groupBy", "Group runs by", options)}
      ${
        groupBy === "regex"
          ? html`<span class="field"><label for="groupPattern">Regular expression</label><input
              id="groupPattern" type="text" spellcheck="false" .value=${groupPattern} aria-invalid=${valid ? "false" : "true"}
              aria-description=${HELP.groupPattern} @change=${(event: Event) => emit(this, "rg-set", { groupPattern: (event.target as HTMLInputElement).value })}
            /></span>`
          : nothing
      }
      ${groupBy ? html`<span class="muted">Lines are means over the runs of a group, bands reach from the least to the most.</span>` : nothing}
    `;
  }
}

customElements.define("rg-group-bar", RgGroupBar);
