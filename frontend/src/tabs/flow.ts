import { html } from "lit";
import { flowCards, marksOf } from "../courses";
import { hasFlow } from "../model";
import type { State } from "../state";
import { drawnStatistic, statisticsFor } from "../views/flow_statistics";
import type { Page, Tab } from "./tab";
import "../elements/flags_bar";
import "../elements/flow_bar";
import "../elements/flow_view";

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
