import { html } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { Show, Tensor, TensorRequest } from "../../data/types";
import { neededOf, pageAt, type Range, spanOf, viewOf } from "../../maths/curves";
import { type Card, type Group, tensorsOf } from "../../pictures/cards";
import { arrangementOf, curveRequest, requestFor, showsOf } from "../../pictures/requests";
import { renderLayoutBar } from "../shared/heatmap_cards";
import { orderRequests, type TabLayout, toLayout } from "../shared/layout";
import type { Page, Tab } from "../tab";
import "./bar";
import "./card";
import { hasTensors, isSequence } from "../../data/quantities";
import type { Series } from "../../data/series";

/** A separate role, because these cards hold other cells than other tabs' cards. */
const ROLE = "curves";

export const curvesTab: Tab = {
  name: "Curves",
  what: "sequences",
  question: "What history does each channel's gradient take over the timesteps, sample by sample?",
  controls: () => ["steps", "axis"],
  show: "samples",
  draws: (entry) => hasTensors(entry) && isSequence(entry),
  cards: (page) => page.series.flatMap((series) => cardsOf(page, series)),
  requests: (page, cards) => [
    ...orderRequests(page, bySeries(cards).map(([first]) => first)), // biome-ignore format: short
    ...bySeries(cards).flatMap((of) => detailRequests(page, of)),
  ],
  render: (page, cards, groups) => html`
    <div style="display: flex; flex-wrap: wrap; column-gap: 14px">${renderLayoutBar(page, cards, false)} ${renderBar(page, cards)}</div>
    ${groups.map((group) => renderGroup(page, group))}
  `,
};

/** The places of a record's small plots on the page, in channel order, and of all plots within the zoom. */
function placesOf({ state }: Page, channels: number): { shown: Range; all: Range } {
  const { window, firstPlot, plots } = state;
  const zoomed: Range = [window?.c0 ?? 0, Math.min(channels, window?.c1 ?? channels)];
  const all: Range = zoomed[0] < zoomed[1] ? zoomed : [0, channels];
  return { shown: pageAt(firstPlot, plots, all), all };
}

/** The channels of the small plots. */
function channelsOf(page: Page, channels: number, { order }: TabLayout): number[] {
  const [from, to] = placesOf(page, channels).shown;
  return Array.from({ length: to - from }, (_, i) => order?.channels[from + i] ?? from + i);
}

/** A card for each kept sample, with the page's channels; with all channels if they have another order. */
function cardsOf(page: Page, series: Series): Card[] {
  const { state } = page;
  const known = page.cards.last(series, 0, ROLE);
  const { order } = toLayout(page, { series, shown: known });
  const start = known && !order ? placesOf(page, known.channels).shown[0] : 0;
  const plots: Range = order && known ? [0, known.channels] : [start, start + state.plots];
  const span = known && spanOf(known.timesteps, state.firstTimesteps, state.window);
  const samples = page.series.reduce((sum, { entry }) => sum + entry.samples, 0);
  const needed = neededOf(plots, known?.timesteps ?? null, span, state.firstTimesteps, samples);
  return samplesOf(page, series).flatMap((show) => {
    const request = requestFor(series, page.step, show, arrangementOf(series, state));
    return request ? page.cards.of(series, { ...request, ...needed }, ROLE) : [];
  });
}

/** The kept samples whose curves are drawn: all, or the chosen one if it exists. */
function samplesOf({ state: { curveSample } }: Page, series: Series): Show[] {
  const all = showsOf("samples", series);
  return curveSample !== null && curveSample < all.length ? [curveSample] : all;
}

/** The cards grouped by series. */
function bySeries(cards: readonly Card[]): Card[][] {
  const found = new Map<Series, Card[]>();
  for (const card of cards) found.set(card.series, [...(found.get(card.series) ?? []), card]);
  return [...found.values()];
}

/** Requests for the pinned channels that the cards of one series do not hold at every timestep. */
function detailRequests(page: Page, cards: readonly Card[]): TensorRequest[] {
  const tensors = tensorsOf(cards);
  const pins = page.pinsOf(tensors);
  return tensors.flatMap((tensor) => finer(tensor, pins));
}

function finer(tensor: Tensor, pins: readonly number[]): TensorRequest[] {
  return pins
    .filter((pin) => pin < tensor.channels && !isFine(tensor, pin))
    .map((pin) => curveRequest(tensor, pin));
}

/** Whether a view holds a channel without pooling its timesteps. */
function isFine(tensor: Tensor, channel: number): boolean {
  const { columns, window } = tensor.values;
  return viewOf([tensor], channel) !== null && columns === window.t1 - window.t0;
}

function renderBar(page: Page, cards: readonly Card[]) {
  const channels = Math.max(1, ...tensorsOf(cards).map((tensor) => tensor.channels));
  const { shown, all } = placesOf(page, channels);
  return html`<rg-curves-bar .state=${page.state} .shown=${shown} .all=${all} .samples=${Math.max(0, ...page.series.map(({ entry }) => entry.samples))}></rg-curves-bar>`;
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
  const layout = toLayout(page, cards[0]);
  const pins = page.pinsOf(tensorsOf(cards));
  const details = cards.map((card) =>
    card.shown ? finer(card.shown, pins).flatMap((request) => page.cards.ready(request) ?? []) : [],
  );
  return html`<rg-curves-card
    .series=${series} .colour=${colourOf(series.run)} .wanted=${step} .cards=${cards} .details=${details}
    .channels=${shown ? channelsOf(page, shown.channels, layout) : []} .pins=${pins} .automatic=${state.pins === null} .note=${layout.note}
    .scale=${scale} .free=${state.range === "each"} .span=${spanOf(shown?.timesteps ?? 0, state.firstTimesteps, state.window)}
    .window=${state.window} .cursor=${cursor} .pinned=${page.isPinned(series)} .dark=${dark}
  ></rg-curves-card>`;
}
