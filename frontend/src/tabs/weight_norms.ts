/** Norms of weights and of their gradients over training, gate by gate. */

import { html } from "lit";
import type { Card } from "../cards";
import type { Series } from "../choices";
import { sampleColour } from "../colour/samples";
import type { TensorRequest } from "../data/types";
import type { Line } from "../elements/curve_plot";
import { requestFor } from "../model";
import { groupNorms, layerOf, normSteps, partOf, partsOf } from "../views/weights";
import type { Page } from "./tab";
import "../elements/message";
import "../elements/weight_norms";

const DASHES: number[][] = [[], [7, 4], [2, 3], [9, 3, 2, 3], [14, 4], [1, 4]];

/** The whole matrix at each step whose norm is drawn. */
export function normRequests(cards: readonly Card[]): TensorRequest[] {
  return cards.flatMap(({ series, shown }) => {
    const cells = shown ? shown.channels * shown.timesteps : null;
    return normSteps(series.entry.steps, cells).flatMap(([step]) => {
      const request = requestFor(series, step, 0);
      return request ? { ...request, pooled: null } : [];
    });
  });
}

/** A plot for each part of each layer, values beside gradients; runs share it. */
export function renderNorms(page: Page, cards: readonly Card[]) {
  const layers = [...new Set(cards.map(layerName))];
  return layers.map((layer) => {
    const of = cards.filter((card) => layerName(card) === layer);
    const parts = partsOf(
      of.map((card) => ({ tag: card.series.tag, quantity: card.series.entry.metadata.quantity, one: card })),
    );
    const plots = parts.flatMap(({ value, gradient }) =>
      [value, gradient].flatMap((card) => (card ? plotName(card) : [])),
    );
    return html`<section>
      <h2 class="section">${layer ? `Layer ${layer}` : "Weights"} <span class="muted">L2 norms over training, by gate</span></h2>
      <div class="cards">
        ${plots.map((name) =>
          renderPlot(
            page,
            name,
            of.filter((card) => plotName(card) === name),
          ),
        )}
      </div>
    </section>`;
  });
}

function layerName({ series: { tag, entry } }: Card): string {
  return layerOf(tag, entry);
}

function plotName({ series: { tag, entry } }: Card): string {
  return `${partOf(tag)}, ${entry.metadata.title}`;
}

function renderPlot(page: Page, name: string, cards: readonly Card[]) {
  const found = cards.map((card) => ({ card, requests: normRequests([card]) }));
  const failed = found
    .flatMap(({ requests }) => requests.map((request) => page.peek(request)))
    .find(({ status }) => status === "error");
  if (failed?.status === "error")
    return html`<rg-message heading="${name} could not be loaded" .retry=${true}>${failed.message}</rg-message>`;
  const steps = [...new Set(found.flatMap(({ requests }) => requests.map(({ step }) => step)))].sort(
    (a, b) => a - b,
  );
  const lines = found.flatMap(({ card, requests }) =>
    linesOf(page, card.series, requests, steps, cards.length > 1),
  );
  const coming = found.some(
    ({ card, requests }) =>
      !card.shown || requests.some((request) => page.peek(request).status === "loading"),
  );
  const isGradient = cards[0].series.entry.metadata.quantity === "weight_gradient";
  return html`<rg-weight-norms
    heading=${name} .lines=${lines} .steps=${steps} scale=${isGradient ? "log" : "linear"} .coming=${coming} .dark=${page.dark}
  ></rg-weight-norms>`;
}

/** A line for each gate: of several runs in the run's colour, gates in dashes; of one run in a colour each. */
function linesOf(
  page: Page,
  series: Series,
  requests: readonly TensorRequest[],
  steps: readonly number[],
  several: boolean,
): Line[] {
  const groups = series.entry.metadata.channel_groups ?? null;
  const names = (groups ?? [[""]]).map(([name]) => name);
  const places = new Map(steps.map((step, i) => [step, i]));
  const lines = names.map((name, gate): Line => {
    const label = [...(several ? [series.run] : []), name].filter(Boolean).join(" ");
    return {
      label: label || series.run,
      colour: several ? page.colourOf(series.run) : sampleColour(gate, page.dark),
      dash: several ? DASHES[gate % DASHES.length] : [],
      values: new Array(steps.length).fill(undefined),
    };
  });
  for (const request of requests) {
    const loaded = page.peek(request);
    if (loaded.status !== "ready") continue;
    groupNorms(loaded.tensor, groups).forEach(({ norm }, gate) => {
      lines[gate].values[places.get(request.step) as number] = norm;
    });
  }
  return lines;
}
