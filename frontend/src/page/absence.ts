/** What the page says where there is nothing to draw, and about what it cannot draw. */

import { html, nothing } from "lit";
import { allTags, drawnRuns } from "../data/listing";
import type { Tags } from "../data/types";
import type { Tab } from "../tabs/tab";
import "../components/controls/how_to_log";
import "../components/controls/message";
import type { Series } from "../data/series";

/** What the user chose, and what exists. */
interface Chosen {
  tags: Tags;
  /** Every run that TensorBoard knows. */
  known: readonly string[];
  runs: readonly string[];
  chosenTags: readonly string[];
  series: readonly Series[];
  tab: Tab;
}

export function renderAbsence(chosen: Chosen) {
  const { tags, runs, series } = chosen;
  const known = new Set(chosen.known);
  return html`
    ${renderNothing(chosen)} ${series.map(renderError)}
    ${renderUnknown(runs.filter((run) => !known.has(run)))}
    ${renderWithout(runs.filter((run) => known.has(run) && !tags[run]))}
  `;
}

function renderNothing({ tags, runs, chosenTags, series, tab: { draws, absent } }: Chosen) {
  if (runs.length === 0)
    return html`<rg-message heading="No run is selected">Check one on the left.</rg-message>`;
  if (series.length > 0 || runs.every((run) => !tags[run])) return nothing;
  if (absent && allTags(tags, runs, draws).length === 0) return absent;
  return chosenTags.length === 0
    ? html`<rg-message heading="No tag is selected">Check one on the left.</rg-message>`
    : html`<rg-message heading="Nothing to show">The selected runs hold none of the selected tags. Check another tag on the left.</rg-message>`;
}

/** Name at most this many runs; give the number of the others. */
const MOST_TOLD = 5;

/** A note beside the pictures that names chosen runs with data for the tab of which nothing is drawn. */
export function renderLacking(tags: Tags, runs: readonly string[], chosen: readonly Series[], tab: Tab) {
  const seen = new Set(chosen.map(({ run }) => run));
  if (seen.size === 0) return nothing;
  const drawn = drawnRuns(tags, tab.draws);
  const rest = runs.filter((run) => tags[run] && !seen.has(run));
  const without = rest.filter((run) => !drawn.has(run));
  const unticked = rest.filter((run) => drawn.has(run));
  return html`${lackWords(without, `no ${tab.what}`)} ${lackWords(unticked, "none of the ticked tags")}`;
}

function lackWords(runs: readonly string[], what: string) {
  if (runs.length === 0) return nothing;
  const named = runs.slice(0, MOST_TOLD).join(", ");
  const others = runs.length - MOST_TOLD;
  return html`<p class="muted lacking">
    Ticked, but with ${what}: ${named}${others > 0 ? ` and ${others} more` : ""}.
  </p>`;
}

function renderError({ run, tag, entry }: Series) {
  return entry.error ? html`<rg-message heading="${run}: ${tag}">${entry.error}</rg-message>` : nothing;
}

function renderUnknown(runs: readonly string[]) {
  if (runs.length === 0) return nothing;
  return html`<rg-message heading="There is no run ${runs.join(", ")}">
    The address names it, but this log directory does not hold it. Check another run on the left.
  </rg-message>`;
}

function renderWithout(runs: readonly string[]) {
  if (runs.length === 0) return nothing;
  return html`<rg-message heading=${`No data of tb_rnngrad in ${runs.join(", ")}`}>
    ${runs.length === 1 ? "This run holds" : "These runs hold"} other data, but no recurrent gradients.
    <rg-how-to-log></rg-how-to-log>
  </rg-message>`;
}
