import { html } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { leadingChannel } from "../../maths/leading";
import { type Card, cardKey, type Group, isPoints, tensorsOf } from "../../pictures/cards";
import { arrangementOf } from "../../pictures/requests";
import { detailRequests, renderCard, renderLayoutBar } from "../shared/heatmap_cards";
import { orderRequests, toLayout } from "../shared/layout";
import type { Page, Tab } from "../tab";
import { pinnedRequests, renderPinned } from "./pinned_channels";
import "./grid";
import "./sample_map";
import { hasTensors, isMatrix } from "../../data/quantities";
import type { Series } from "../../data/series";
import { mapFor } from "../../pictures/scales";

export const heatmapTab: Tab = {
  name: "Heatmap",
  what: "tensors",
  question: "Which channels and timesteps does the gradient reach?",
  controls: () => ["steps", "colours"],
  draws: hasTensors,
  cards: ({ cards, series, step, state }) =>
    cards.all(series, step, state.show, (of) => arrangementOf(of, state)),
  requests: (page, cards) => [
    ...orderRequests(page, cards),
    ...detailRequests(page, cards),
    ...pinnedRequests(page, cards),
  ],
  render: (page, cards, groups) =>
    html`${renderLayoutBar(page, cards, page.state.show !== "channel")} ${groups.map((group) => renderGroup(page, group))}`,
};

function renderGroup(page: Page, group: Group) {
  const pins = page.pinsOf(tensorsOf(group.cards));
  if (page.state.show === "samples") return renderSamples(page, group, pins);
  if (page.state.show === "channel") return renderChannel(page, group);
  return html`<section>
    <div class="cards">
      ${repeat(group.cards, cardKey, (card) => renderCard(page, card, group, pins, toLayout(page, card)))}
    </div>
    ${renderPinned(page, group, pins)}
  </section>`;
}

/** Renders the samples of each series under one heading. */
function renderSamples(page: Page, group: Group, pins: number[]) {
  const { state, step, colourOf } = page;
  const series = [...new Set(group.cards.map((card) => card.series))];
  return html`<section>
    <div class="cards" style="--least: 100%">
      ${repeat(series, seriesKey, (one) => {
        const cards = group.cards.filter((card) => card.series === one);
        const [{ request, shown }] = cards;
        if (cards.some(isPoints)) return renderCard(page, cards[0], group, pins);
        return html`<rg-multiples
          .series=${one} .colour=${colourOf(one.run)} .step=${shown?.request.step ?? request.step} .wanted=${step}
          .words=${`each of ${cards.length} kept samples`} .columns=${state.columns} .pinned=${page.isPinned(one)}
        >${repeat(cards, cardKey, (card) =>
          renderCard(page, card, group, pins, toLayout(page, card), undefined, `sample ${card.request.show}`),
        )}</rg-multiples>`;
      })}
    </div>
    ${renderPinned(page, group, pins)}
  </section>`;
}

/** Renders one channel of every sample of each series. Matrices and points look as always. */
function renderChannel(page: Page, group: Group) {
  const { state, step, dark, colourOf } = page;
  const series = [...new Set(group.cards.map((card) => card.series))];
  return html`<section>
    <div class="cards" style="--least: 400px">
      ${repeat(series, seriesKey, (one) => {
        const cards = group.cards.filter((card) => card.series === one);
        if (cards.some(isPoints) || isMatrix(one))
          return renderCard(page, cards[0], group, null, toLayout(page, cards[0]));
        const samples = cards.flatMap(({ loaded }) => (loaded.status === "ready" ? loaded.answer : []));
        return html`<rg-sample-map
          .series=${one} .colour=${colourOf(one.run)} .samples=${samples} .waiting=${waitingFor(cards)}
          .channel=${state.channel ?? leadingChannel(samples) ?? 0} .wanted=${step} .scale=${group.scale} .map=${mapFor(group.scale, state.map, dark)}
          .window=${state.window} .cursor=${page.cursor} .pinned=${page.isPinned(one)}
        ></rg-sample-map>`;
      })}
    </div>
  </section>`;
}

/** Which samples are missing, in words. */
function waitingFor(cards: readonly Card[]): string {
  const failed = cards.flatMap(({ loaded }) => (loaded.status === "error" ? loaded.message : []));
  const ready = cards.filter(({ loaded }) => loaded.status === "ready").length;
  return failed[0] ?? (ready < cards.length ? `${ready} of ${cards.length} samples are loaded.` : "");
}

function seriesKey({ run, tag }: Series): string {
  return JSON.stringify([run, tag]);
}
