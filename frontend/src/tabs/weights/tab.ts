import { html, nothing } from "lit";
import type { Scale } from "../../colour/scale";
import { breakable } from "../../components/base/breakable";
import { mostAt } from "../../components/histogram/card";
import type { Series } from "../../data/series";
import { signedScale } from "../../maths/bins";
import { firstLayer, layerOf, partOf, partsOf } from "../../maths/weights";
import { type Card, type Group, scaleOf } from "../../pictures/cards";
import { detailRequests, renderCard } from "../shared/heatmap_cards";
import { gateAxes, histogramAxes, histogramNow } from "../shared/histograms";
import { DEFAULT_LAYOUT } from "../shared/layout";
import type { Page, Tab } from "../tab";
import { normRequests, renderNorms } from "./norms";
import "../../components/histogram/card";
import "../../components/controls/how_to_log";
import "../../components/controls/message";
import "./bar";
import { hasTensors, isWeight } from "../../data/quantities";
import { mapFor } from "../../pictures/scales";

export const weightsTab: Tab = {
  name: "Weights",
  what: "weights",
  question: "Do the weights and their gradients look healthy, gate by gate?",
  controls: ({ weightsAs }) => (weightsAs === "norms" ? [] : ["steps", "colours"]),
  draws: (entry) => isWeight(entry) && hasTensors(entry),
  first: firstLayer,
  absent: html`<rg-message heading="No weights are logged here">
    The selected runs hold neither weights nor their gradients: kernels, recurrent kernels, biases.
    <rg-how-to-log what="weights"></rg-how-to-log>
  </rg-message>`,
  cards: ({ cards, series, step }) => series.flatMap((of) => cards.nearest(of, step, 0) ?? []),
  requests: (page, cards) =>
    page.state.weightsAs === "norms" ? normRequests(cards) : detailRequests(page, cards),
  render: (page, cards, groups) => {
    const bar = html`<rg-weights-bar .state=${page.state}></rg-weights-bar>`;
    if (page.state.weightsAs === "norms") return html`${bar} ${renderNorms(page, cards)}`;
    const axes = new Map(groups.flatMap((group) => [...histogramAxes(page, group)]));
    const layers = new Map<string, Card[]>();
    for (const card of cards) {
      const { run, tag, entry } = card.series;
      const layer = JSON.stringify([run, layerOf(tag, entry)]);
      layers.set(layer, [...(layers.get(layer) ?? []), card]);
    }
    return html`${bar} ${[...layers.values()].map((of) => renderLayer(page, of, groups, axes))}`;
  },
};

type Axes = ReadonlyMap<Series, Scale | null>;

/** Renders the parts of a layer side by side, each with its value above its gradient. */
function renderLayer(page: Page, cards: Card[], groups: readonly Group[], axes: Axes) {
  const { run, tag, entry } = cards[0].series;
  const layer = layerOf(tag, entry);
  const parts = partsOf(
    cards.map((card) => {
      const { tag, entry } = card.series;
      return { tag, quantity: entry.metadata.quantity, one: card };
    }),
  );
  return html`<section>
    <h2 class="section">${breakable(run)}${layer ? `, layer ${layer}` : nothing}</h2>
    <div class="cards">
      ${parts.map(
        ({ name, value, gradient }) => html`<div class="stack" role="group" aria-label=${name}>
          ${[value, gradient].map((card) => (card ? renderPart(page, card, groups, axes) : nothing))}
        </div>`,
      )}
    </div>
  </section>`;
}

function renderPart(page: Page, card: Card, groups: readonly Group[], axes: Axes) {
  const { tag, entry } = card.series;
  const group = groups.find(({ cards }) => cards.includes(card)) as Group;
  const axis = axes.get(card.series);
  return html`${renderCard(page, card, group, null, DEFAULT_LAYOUT, undefined, `${partOf(tag)}, ${entry.metadata.title}`)} ${axis ? renderHistograms(page, card, group, axis) : nothing}`;
}

function renderHistograms(page: Page, card: Card, group: Group, axis: Scale) {
  const { state, dark } = page;
  const { gates } = gateAxes(page, card.series, axis);
  const { loaded, now } = histogramNow(page, card.series, axis, null, gates);
  const scale = signedScale(scaleOf(card, group.scale, state));
  return html`<rg-distribution-card
    .series=${card.series} .colour=${page.colourOf(card.series.run)} .wanted=${page.step} .bare=${true}
    .now=${now} .loaded=${loaded} .history=${null} .scale=${scale} .map=${mapFor(scale, state.map, dark)}
    .most=${state.peaks * mostAt([now])} .peaks=${state.binAxes === "gate" ? state.peaks : null} .height=${56} .dark=${dark}
  ></rg-distribution-card>`;
}
