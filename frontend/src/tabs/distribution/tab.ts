import { html } from "lit";
import type { Scale } from "../../colour/scale";
import { mostAt } from "../../components/histogram/card";
import { binsAt, mostShare, signedScale } from "../../maths/bins";
import { type Group, isPoints, pointRequests, scaleOf } from "../../pictures/cards";
import { gateAxes, histogramAxes, histogramNow, histogramRequestFor, seriesOf } from "../shared/histograms";
import type { Page, Tab } from "../tab";
import "./bar";
import "../../components/histogram/card";
import "../../components/controls/message";
import { hasTensors, isRaw } from "../../data/quantities";
import { mapFor } from "../../pictures/scales";

export const distributionTab: Tab = {
  name: "Distribution",
  what: "values",
  question: "How are the values spread, and how did that change over training?",
  controls: () => ["steps", "scale"],
  draws: (entry) => hasTensors(entry) && !isRaw(entry.metadata.quantity),
  // The pictures that the colour range belongs to.
  cards: ({ cards, series, step, state }) => cards.all(series, step, state.show),
  requests: (_, cards) => cards.filter(isPoints).flatMap(pointRequests),
  render: (page, _, groups) => html`
    <rg-distribution-bar .state=${page.state}></rg-distribution-bar>
    ${groups.map((group) => renderGroup(page, group))}
  `,
};

function renderGroup(page: Page, group: Group) {
  const { state, dark, step, colourOf } = page;
  const axes = histogramAxes(page, group);
  if ([...axes.values()].some((axis) => !axis)) return renderWaiting(group);
  const drawn = seriesOf(group).map((card) => {
    const axis = axes.get(card.series) as Scale;
    const { scouted, gates } = gateAxes(page, card.series, axis);
    const history =
      scouted && !gates
        ? scouted
        : page.histogramOf(histogramRequestFor(page, card.series, axis, null, gates));
    return { card, history, ...histogramNow(page, card.series, axis, history, gates) };
  });
  const most = (of: typeof drawn) => state.peaks * mostAt(of.map(({ now }) => now));
  const mostOverSteps = (of: typeof drawn) =>
    state.peaks *
    mostShare(
      of.flatMap(({ history: { last } }) => last?.steps.flatMap((_, step) => binsAt(last, step)) ?? []),
    );
  return html`<section>
    <h2 class="section">${group.title}</h2>
    <div class="cards" style="--least: 400px">
      ${drawn.map((one) => {
        const { card, history, loaded, now } = one;
        const among = state.binAxes === "shared" ? drawn : [one];
        const scale = signedScale(scaleOf(card, group.scale, state));
        return html`<rg-distribution-card
          .series=${card.series} .colour=${colourOf(card.series.run)} .wanted=${step} .samples=${samplesOf(card)}
          .now=${now} .loaded=${loaded} .history=${history} .form=${state.overSteps}
          .scale=${scale} .map=${mapFor(scale, state.map, dark)} .most=${most(among)} .mostOverSteps=${mostOverSteps(among)} .peaks=${state.binAxes === "gate" ? state.peaks : null} .height=${110} .dark=${dark}
        ></rg-distribution-card>`;
      })}
    </div>
  </section>`;
}

/** The message before a first picture arrives. Only a picture gives the extent of the values, and so the axis. */
function renderWaiting({ title, cards }: Group) {
  const failed = cards.flatMap(({ loaded }) => (loaded.status === "error" ? loaded.message : []));
  return failed.length
    ? html`<rg-message heading="The ${title} could not be loaded" .retry=${true}>${failed[0]}</rg-message>`
    : html`<rg-message heading="Loading ${title} …" .busy=${true}></rg-message>`;
}

/** Which samples are counted, in words. */
function samplesOf({ series, shown }: Group["cards"][number]): string {
  if (series.entry.metadata.quantity?.startsWith("weight")) return "the whole matrix";
  if (!shown) return "all kept samples, padding left out";
  const { kept, batch } = shown;
  return `all ${kept} kept samples of ${batch}, padding left out`;
}
