/** The bars above the pictures: for the choice of samples and scale, and for each scale's colours. */

import { html, nothing } from "lit";
import { isOfMagnitudes } from "../colour/scale";
import { emit } from "../components/base/events";
import { isMatrix, isRaw } from "../data/quantities";
import { type Card, type Group, isPoints } from "../pictures/cards";
import { isDiverging, isSigned, mapFor } from "../pictures/scales";
import type { State } from "../state/state";
import type { Control, Page } from "../tabs/tab";
import "../components/controls/colour_bar";
import "./toolbar";

export function renderScaleBars(
  page: Page,
  cards: readonly Card[],
  groups: readonly Group[],
  controls: readonly Control[],
) {
  if (groups.length === 0) return nothing;
  const coloured = controls.includes("colours");
  const scaled = coloured || controls.includes("scale") || controls.includes("axis");
  return html`
    ${scaled ? renderToolbar(page.state, coloured ? cards : [], groups, !controls.includes("axis")) : nothing}
    ${coloured ? renderColourBars(page, groups) : nothing}
  `;
}

/** The toolbar, with a choice among the samples of `sampled`. */
function renderToolbar(state: State, sampled: readonly Card[], groups: readonly Group[], mapped: boolean) {
  const sequences = sampled.filter((card) => !isMatrix(card.series) && !isPoints(card));
  const samples = Math.max(0, ...sequences.map(({ series }) => series.entry.samples));
  const anyDiverging = groups.some(({ scale }) => isDiverging(scale));
  const anyScaled = groups.some(({ quantity }) => !isRaw(quantity));
  return html`
    <rg-toolbar .state=${state} .samples=${samples} .scale=${groups[0].scale} .diverging=${anyDiverging} .mapped=${mapped} .scaled=${anyScaled}>
      ${renderZoom(state)}
    </rg-toolbar>
  `;
}

function renderZoom({ window, time, order }: State) {
  if (!window) return nothing;
  const { c0, c1, t0, t1 } = window;
  const reset = ({ currentTarget }: Event) => emit(currentTarget as Element, "rg-set", { window: null });
  return html`
    <span class="number">
      ${time}s ${t0} to ${t1 - 1}, ${order ? "rows" : "channels"} ${c0} to ${c1 - 1}
      <button title="Show everything (double-click, or 0 in a heatmap)" @click=${reset}>Reset zoom</button>
    </span>
  `;
}

function renderColourBars({ state, dark }: Page, groups: readonly Group[]) {
  return groups.map(
    ({ scale, title }, i) => html`<rg-colour-bar
      .scale=${scale} .map=${mapFor(scale, state.map, dark)} .legend=${i === 0} .adjustable=${true} .clipped=${isClipped(state)}
      .label=${title + (isOfMagnitudes(scale) && isSigned(state.show) ? ", magnitude" : "")}
    ></rg-colour-bar>`,
  );
}

/** Whether the range may leave out values that are shown. */
function isClipped({ limit, low, percentile }: State): boolean {
  return limit !== null || low !== null || percentile !== 100;
}
