import { html } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { cardKey, type Group, tensorsOf } from "../cards";
import { shownPins } from "../choices";
import { arrangementOf, hasTensors } from "../model";
import { laidOut, orderRequests } from "./laid_out";
import { detailRequests, renderCard, renderLayoutBar } from "./pictures";
import { pinnedRequests, renderPinned } from "./pinned";
import type { Page, Tab } from "./tab";

export const heatmapTab: Tab = {
  name: "Heatmap",
  question: "Which channels and timesteps does the gradient reach?",
  controls: ["steps", "colours"],
  draws: hasTensors,
  cards: ({ cards, series, step, state }) =>
    cards.all(series, step, state.show, (one) => arrangementOf(one, state)),
  requests: (page, cards) => [
    ...orderRequests(page, cards),
    ...detailRequests(page, cards),
    ...pinnedRequests(page, cards),
  ],
  render: (page, cards, groups) =>
    html`${renderLayoutBar(page, cards)} ${groups.map((group) => renderGroup(page, group))}`,
};

function renderGroup(page: Page, group: Group) {
  const channels = Math.max(0, ...tensorsOf(group.cards).map((tensor) => tensor.channels));
  const pins = shownPins(page.state, channels);
  return html`<section>
    <div class="cards" style=${[2, 4].includes(group.cards.length) ? "--least: 400px" : ""}>
      ${repeat(group.cards, cardKey, (card) => renderCard(page, card, group, pins, laidOut(page, card)))}
    </div>
    ${renderPinned(page, group, pins)}
  </section>`;
}
