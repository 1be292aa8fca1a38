import { html } from "lit";
import { drawnStatistic, statisticsFor } from "../../maths/flow/statistics";
import { flowCards, marksOf } from "../../pictures/flow_cards";
import type { State } from "../../state/state";
import type { Page, Tab } from "../tab";
import "../../components/flow/flags_bar";
import "./bar";
import "./view";
import { hasFlow } from "../../data/quantities";

export const flowTab: Tab = {
  name: "Flow",
  what: "flow statistics",
  question: "How far back does the gradient reach, and how did that change over training?",
  controls: () => ["steps"],
  draws: hasFlow,
  cards: () => [],
  requests: () => [],
  statistics,
  marks: (page) => marksOf(cardsOf(page), page.steps),
  render: (page) => {
    const { state, series, step, steps, dark } = page;
    const cards = cardsOf(page);
    return html`
      <rg-flow-bar .state=${state} .series=${series}></rg-flow-bar>
      <rg-flags-bar .state=${state} .cards=${cards} .step=${step} .steps=${steps}></rg-flags-bar>
      <rg-flow-view .cards=${cards} .state=${state} .step=${step} .dark=${dark}></rg-flow-view>
    `;
  },
};

function statistics({ flowAxis, flowOf }: Readonly<State>): string[] {
  return statisticsFor(flowAxis, drawnStatistic(flowOf, flowAxis));
}

function cardsOf(page: Page) {
  return flowCards(page, statistics(page.state));
}
