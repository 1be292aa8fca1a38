import { html, nothing } from "lit";
import { makeScale, union } from "../../colour/scale";
import { isOfEachSample, type Tensor } from "../../data/types";
import { compare } from "../../maths/heatmap/compare";
import { type Card, type Group, isPoints, scaleOf, tensorsOf } from "../../pictures/cards";
import { arrangementOf } from "../../pictures/requests";
import { scaleOfQuantity } from "../../pictures/scales";
import { comparedSeries } from "../../state/choices";
import { detailOf, detailRequests, renderCard, renderLayoutBar } from "../shared/heatmap_cards";
import { orderRequests, toLayout } from "../shared/layout";
import type { Page, Tab } from "../tab";
import { COMPARED } from "./difference";
import type { Side } from "./swipe";
import "./bar";
import "./difference";
import "../../components/controls/message";
import "./swipe";
import { hasTensors, isRaw } from "../../data/quantities";
import { pointsPython } from "../../export/python";
import { extentOf, mapFor } from "../../pictures/scales";

export const compareTab: Tab = {
  name: "Compare",
  what: "tensors",
  question: "Where do two runs, tags or steps differ?",
  controls: () => ["steps", "colours"],
  draws: hasTensors,
  cards: comparedCards,
  requests: (page, cards) => [...orderRequests(page, cards), ...detailRequests(page, cards)],
  render: (page, cards, groups) => {
    if (cards.length === 0) return html``;
    const { state, series } = page;
    const [a, b] = cards;
    const swiped = state.comparison === "swipe" && isReady(a) && isReady(b) && !(isPoints(a) && isPoints(b));
    return html`
      <rg-compare-bar .state=${state} .series=${series} .compared=${[a.series, b.series]}></rg-compare-bar>
      ${renderLayoutBar(page, cards)}
      ${swiped ? renderSwipe(page, a, b, groups) : renderBoth(page, a, b, groups)}
    `;
  },
};

function renderSwipe(page: Page, a: Card, b: Card, groups: readonly Group[]) {
  const { state, step, cursor, dark } = page;
  const { orientation, order } = toLayout(page, a);
  const side = (card: Card, wanted: number): Side => {
    const { series } = card;
    const scale = scaleOf(card, groupOf(card, groups).scale, state);
    const map = mapFor(scale, state.map, dark);
    const tensor = detailed(page, card) as Tensor;
    return { series, colour: page.colourOf(series.run), tensor, wanted, scale, map };
  };
  return html`<rg-swipe
    .a=${side(a, step)} .b=${side(b, state.stepB ?? step)} .share=${state.swipe}
    .orientation=${orientation} .order=${order} .window=${state.window} .pins=${page.pinsOf(tensorsOf([a, b]))} .cursor=${cursor}
  ></rg-swipe>`;
}

/** A and B side by side, with the comparison in a picture of its own. */
function renderBoth(page: Page, a: Card, b: Card, groups: readonly Group[]) {
  const { state, step } = page;
  const pins = page.pinsOf(tensorsOf([a, b]));
  const [named, other] = [
    { name: "A", wanted: step },
    { name: "B", wanted: state.stepB ?? step },
  ];
  return html`<div class="cards">
    ${renderCard(page, a, groupOf(a, groups), pins, toLayout(page, a), named)}
    ${renderCard(page, b, groupOf(b, groups), pins, toLayout(page, b, a), other)}
    ${failed(a) || failed(b) ? nothing : renderCompared(page, a, b, pins)}
  </div>`;
}

function renderCompared(page: Page, a: Card, b: Card, pins: number[]) {
  const { state, cursor, dark } = page;
  const { orientation, order } = toLayout(page, a);
  if (isPoints(a) && isPoints(b)) return renderPoints(page, a, b, pins);
  if (state.comparison === "swipe") return nothing;
  if (!sameDetails(a, b)) {
    return html`<rg-message heading="Not comparable">
      A and B differ in which rows they have, in what they are derived by, or in the norm.
    </rg-message>`;
  }
  return html`<rg-difference
    .series=${a.series} .a=${detailed(page, a)} .b=${detailed(page, b)} .comparison=${state.comparison} .chosen=${state.map}
    .orientation=${orientation} .order=${order} .window=${state.window} .pins=${pins} .cursor=${cursor} .dark=${dark}
  ></rg-difference>`;
}

function groupOf(card: Card, groups: readonly Group[]): Group {
  return groups.find((group) => group.cards.includes(card)) ?? groups[0];
}

/** The picture of a card in the detail of its window, if that has arrived. */
function detailed(page: Page, { shown }: Card): Tensor | null {
  return detailOf(page, shown) ?? shown;
}

/** Whether the numbers of two cards mean the same. Jacobians for other rows, inputs or norms do not. */
function sameDetails(a: Card, b: Card): boolean {
  const [one, other] = [a, b].map(({ series }) => series.entry.metadata);
  const said = [one, other].map(({ details }) => JSON.stringify(details ?? null));
  return !isRaw(one.quantity) || !isRaw(other.quantity) || said[0] === said[1];
}

/** Renders the points of every sample of A beside those of B. There is no picture to swipe. */
function renderPoints(page: Page, a: Card, b: Card, pins: number[]) {
  const comparison = page.state.comparison === "ratio" ? "ratio" : "difference";
  const [ofA, ofB] = [a, b].map((card) => page.cards.drawnBy(card));
  const heading = COMPARED[comparison].heading;
  const found = ofA.flatMap((tensor, i) => (ofB[i] ? compare(tensor, ofB[i], comparison) : []));
  const why = found.find((result) => typeof result === "string");
  if (why !== undefined) return html`<rg-message heading="Not comparable">${why}</rg-message>`;
  const samples = found as Tensor[];
  const name =
    comparison === "ratio"
      ? "linear"
      : (page.state.scale ?? scaleOfQuantity(a.series.entry.metadata.quantity));
  const choice = { name, signed: true, limit: null, threshold: null };
  const python = (logdir: string) =>
    `import numpy as np\n${[a, b].map((card, i) => `${pointsPython(card.request, logdir)}${"ab"[i]} = view\n`).join("\n")}\nview = ${COMPARED[comparison].python}\n`;
  return html`<rg-scatter
    .series=${a.series} .heading=${heading} .python=${python} .samples=${samples} .step=${a.request.step} .wanted=${a.request.step}
    .scale=${makeScale(union(samples.map((tensor) => extentOf(tensor))), choice)} .pins=${pins} .cursor=${page.cursor} .pinned=${page.isPinned(a.series)}
  ></rg-scatter>`;
}

/** Whether there is a picture, of this step or the previous one, and no error. */
function isReady(card: Card): boolean {
  return card.shown !== null && !failed(card);
}

function failed({ loaded }: Card): boolean {
  return loaded.status === "error";
}

/** The cards of A, at the slider's step, and B, at that step or one of its own. */
function comparedCards({ cards, series, step, state }: Page): Card[] {
  if (series.length === 0) return [];
  const [a, b] = comparedSeries(state, series);
  const show = isOfEachSample(state.show) ? 0 : state.show;
  const pair = [
    cards.nearest(a, step, show, "A", arrangementOf(a, state)),
    cards.nearest(b, state.stepB ?? step, show, "B", arrangementOf(b, state)),
  ];
  return pair.every((card) => card !== null) ? pair : [];
}
