/** Notes above the pictures: which of the chosen series they show. */

import { html, nothing } from "lit";
import { emit } from "../components/base/events";
import { HELP } from "../components/controls/help";
import { tagWords } from "../data/parts";
import type { Tags } from "../data/types";
import { undrawn } from "../state/choices";
import type { State } from "../state/state";
import type { Tab } from "../tabs/tab";
import { renderLacking } from "./absence";
import type { Shown } from "./shown";

/** `more` draws more series: the page does not draw thousands of pictures unasked. */
export function renderNotes(shown: Shown, state: State, tags: Tags, tab: Tab, more: () => void) {
  const { series, chosen, runs } = shown;
  if (shown.alone) return renderAlone(shown);
  return html`
    ${
      series.length < chosen.length
        ? html`<p class="alone">
            The first ${series.length} of ${chosen.length} chosen series are shown.
            <button class="link" aria-description=${HELP.showMore} @click=${more}>Show more</button>
          </p>`
        : nothing
    }
    ${renderInstead(state, undrawn(state, tags, runs, tab.draws), shown.tags)}
    ${renderLacking(tags, runs, chosen, tab)}
  `;
}

function renderAlone({ series, chosen }: Shown) {
  const names = series.map(({ run, tag, entry }) => `${run}, ${tagWords(tag, entry)}`);
  const all = ({ currentTarget }: Event) => emit(currentTarget as Element, "rg-set", { alone: null });
  return html`<p class="alone">
    <span class="muted">Only</span> ${names.length > 3 ? `${names.length} series` : names.join("; ")} <span class="muted">shown.</span>
    <button class="link" aria-description=${HELP.showAll} @click=${all}>Show all ${chosen.length} chosen</button>
  </p>`;
}

/** A note on chosen tags that the tab cannot draw, and on what it shows instead. */
function renderInstead({ tags }: State, others: readonly string[], shown: readonly string[]) {
  if (others.length === 0 || tags?.some((tag) => !others.includes(tag)) || shown.length === 0) return nothing;
  return html`<p class="muted">This view cannot draw ${others.join(", ")}: it shows ${shown.join(", ")} instead.</p>`;
}
