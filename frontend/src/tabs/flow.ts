import { html } from "lit";
import type { Tab } from "./tab";
import "../elements/flow_view";

export const flowTab: Tab = {
  name: "Flow",
  question: "How far back does the gradient reach, and how did that change over training?",
  controls: ["steps"],
  draws: () => true,
  cards: () => [],
  requests: () => [],
  render: ({ series, step, state, dark, colourOf, flowOf }) => {
    const cards = series.map((one) => ({ series: one, colour: colourOf(one.run), loaded: flowOf(one) }));
    return html`<rg-flow-view .cards=${cards} .step=${step} .eps=${state.eps} .dark=${dark}></rg-flow-view>`;
  },
};
