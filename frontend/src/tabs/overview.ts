import { html, nothing } from "lit";
import { type FlowCard, flowCards, marksOf } from "../courses";
import { tell } from "../elements/events";
import { hasFlow } from "../model";
import type { Course } from "../views/course";
import { JUDGED } from "../views/flow";
import { lineOf } from "../views/overview";
import type { Page, Tab } from "./tab";
import "../elements/flags_bar";
import "../elements/flow_curves";
import "../elements/message";
import "../elements/overview_brief";
import "../elements/overview_table";

export const overviewTab: Tab = {
  name: "Overview",
  question: "Is it learning long dependencies, since when, and is this run better?",
  controls: ["steps"],
  draws: hasFlow,
  first: (tags, entries) => {
    const hidden = tags.filter((tag) => entries[tag].metadata.quantity === "hidden_state_gradient");
    return hidden.length ? hidden : tags.slice(0, 1);
  },
  cards: () => [],
  requests: () => [],
  statistics: () => JUDGED,
  marks: (page) => marksOf(flowCards(page, JUDGED), page.steps),
  render: (page) => {
    const { state, step, steps, dark } = page;
    const cards = flowCards(page, JUDGED);
    const known = cards.filter((card): card is FlowCard & { course: Course } => card.course !== null);
    const lines = known.map(({ series, colour, course }) => lineOf(series, colour, course, step));
    const loading = cards.some(({ loaded }) => loaded.status === "loading");
    return html`
      ${
        known.length
          ? html`
            <div class="cards" style="--least: 420px">
              <rg-overview-brief .lines=${lines} .eps=${state.eps}></rg-overview-brief>
              <rg-flow-curves .cards=${known} .metrics=${["horizon"]} .point=${null} .dark=${dark}></rg-flow-curves>
            </div>
            <h2 class="section">Every run and layer <span class="muted">at step ${step}; a click opens its maps</span>
              ${renderAll(page)}</h2>
            <rg-overview-table .lines=${lines} .sorting=${state.sort}></rg-overview-table>
            <h2 class="section">Flags <span class="muted">by thresholds of your own</span></h2>
            <rg-flags-bar .limits=${state} .cards=${cards} .step=${step} .steps=${steps}></rg-flags-bar>`
          : nothing
      }
      ${loading ? html`<rg-message heading="Loading …" .busy=${true}></rg-message>` : nothing}
      ${cards.map(({ loaded, series }) =>
        loaded.status === "error"
          ? html`<rg-message heading="The flow of ${series.run}, ${series.tag} could not be loaded" .retry=${true}>${loaded.message}</rg-message>`
          : nothing,
      )}
    `;
  },
};

/** The way back to everything where the user chose some runs or layers. */
function renderAll({ state }: Page) {
  if (!state.runs && !state.tags) return nothing;
  const all = (event: Event) => tell(event.target as Element, "rg-set", { runs: null, tags: null });
  return html`<button class="link" @click=${all}>choose automatically</button>`;
}
