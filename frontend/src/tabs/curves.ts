import { html } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { type Card, type Group, tensorsOf } from "../cards";
import { type Series, shownPins } from "../choices";
import type { Tensor, TensorRequest } from "../data/types";
import { arrangementOf, curveRequest, hasTensors, isSequence, requestFor, showsOf } from "../model";
import { neededOf, pageAt, type Range, spanOf, viewOf } from "../views/curves";
import { type LaidOut, laidOut, orderRequests } from "./laid_out";
import { renderLayoutBar } from "./pictures";
import type { Page, Tab } from "./tab";
import "../elements/curves_bar";
import "../elements/curves_card";

/** Its cards hold other cells than other tabs'. */
const ROLE = "curves";

export const curvesTab: Tab = {
  name: "Curves",
  question: "What course does each channel's gradient take over the timesteps, sample by sample?",
  controls: ["steps", "axis"],
  show: "samples",
  draws: (entry) => hasTensors(entry) && isSequence(entry),
  cards: (page) => page.series.flatMap((one) => cardsOf(page, one)),
  requests: (page, cards) => [
    ...orderRequests(page, bySeries(cards).map(([first]) => first)), // biome-ignore format: short
    ...detailRequests(page, cards),
  ],
  render: (page, cards, groups) => html`
    <div style="display: flex; flex-wrap: wrap; column-gap: 14px">${renderLayoutBar(page, cards, false)} ${renderBar(page, cards)}</div>
    ${groups.map((group) => renderGroup(page, group))}
  `,
};

/** The places of the small plots of a record on the page, in the order of its channels, and of all that are zoomed to. */
function placesOf({ state }: Page, channels: number): { shown: Range; all: Range } {
  const { window, firstPlot, plots } = state;
  const zoomed: Range = [window?.c0 ?? 0, Math.min(channels, window?.c1 ?? channels)];
  const all: Range = zoomed[0] < zoomed[1] ? zoomed : [0, channels];
  return { shown: pageAt(firstPlot, plots, all), all };
}

/** The channels of the small plots. */
function channelsOf(page: Page, channels: number, { order }: LaidOut): number[] {
  const [from, to] = placesOf(page, channels).shown;
  return Array.from({ length: to - from }, (_, i) => order?.channels[from + i] ?? from + i);
}

/** A card for each kept sample, of the page's channels; of all of them, where they stand in another order. */
function cardsOf(page: Page, series: Series): Card[] {
  const { state } = page;
  const known = page.cards.last(series, 0, ROLE);
  const { order } = laidOut(page, { series, shown: known });
  const start = known && !order ? placesOf(page, known.channels).shown[0] : 0;
  const plots: Range = order && known ? [0, known.channels] : [start, start + state.plots];
  const span = known && spanOf(known.timesteps, state.firstTimesteps, state.window);
  const samples = page.series.reduce((sum, { entry }) => sum + entry.samples, 0);
  const needed = neededOf(plots, known?.timesteps ?? null, span, state.firstTimesteps, samples);
  return showsOf("samples", series).flatMap((show) => {
    const request = requestFor(series, page.step, show, arrangementOf(series, state));
    return request ? page.cards.of(series, { ...request, ...needed }, ROLE) : [];
  });
}

/** The samples of each series together. */
function bySeries(cards: readonly Card[]): Card[][] {
  const found = new Map<Series, Card[]>();
  for (const card of cards) found.set(card.series, [...(found.get(card.series) ?? []), card]);
  return [...found.values()];
}

/** The pinned channels that the cards do not hold in every timestep. */
function detailRequests({ state }: Page, cards: readonly Card[]): TensorRequest[] {
  return tensorsOf(cards).flatMap((tensor) =>
    shownPins(state, tensor.channels)
      .filter((pin) => !isFine(tensor, pin))
      .map((pin) => curveRequest(tensor, pin)),
  );
}

/** Whether a view holds a channel with no timesteps pooled. */
function isFine(tensor: Tensor, channel: number): boolean {
  const { columns, window } = tensor.values;
  return viewOf([tensor], channel) !== null && columns === window.t1 - window.t0;
}

function renderBar(page: Page, cards: readonly Card[]) {
  const channels = Math.max(1, ...tensorsOf(cards).map((tensor) => tensor.channels));
  const { shown, all } = placesOf(page, channels);
  return html`<rg-curves-bar .state=${page.state} .shown=${shown} .all=${all}></rg-curves-bar>`;
}

function renderGroup(page: Page, group: Group) {
  return html`<section>
    <div class="cards" style="--least: 100%">
      ${repeat(
        bySeries(group.cards),
        ([{ series }]) => JSON.stringify([series.run, series.tag]),
        (cards) => renderCard(page, group, cards),
      )}
    </div>
  </section>`;
}

function renderCard(page: Page, { scale }: Group, cards: Card[]) {
  const { state, step, cursor, dark, colourOf } = page;
  const [{ series, shown }] = cards;
  const laid = laidOut(page, cards[0]);
  const pins = shown ? shownPins(state, shown.channels) : [];
  const details = cards.map((card) =>
    detailRequests(page, [card]).flatMap((request) => page.cards.ready(request) ?? []),
  );
  return html`<rg-curves-card
    .series=${series} .colour=${colourOf(series.run)} .wanted=${step} .cards=${cards} .details=${details}
    .channels=${shown ? channelsOf(page, shown.channels, laid) : []} .pins=${pins} .note=${laid.note}
    .scale=${scale} .free=${state.range === "each"} .span=${spanOf(shown?.timesteps ?? 0, state.firstTimesteps, state.window)}
    .window=${state.window} .cursor=${cursor} .pinned=${page.isPinned(series)} .dark=${dark}
  ></rg-curves-card>`;
}
