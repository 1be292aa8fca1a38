/** Norms of weights and of their gradients over training, gate by gate. */

import { html, nothing } from "lit";
import { sampleColour } from "../../colour/samples";
import type { StepPlot } from "../../components/line_plot/step_curves";
import type { KeptStep, TensorRequest } from "../../data/types";
import { startsOf } from "../../maths/over_training";
import { type Trace, traceOn } from "../../maths/traces";
import { groupNorms, layerOf, normSteps, partOf, partsOf } from "../../maths/weights";
import type { Card } from "../../pictures/cards";
import { requestFor } from "../../pictures/requests";
import type { Page } from "../tab";
import "../../components/controls/message";
import { dashAt } from "../../colour/dashes";
import "../../components/line_plot/step_curves";

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

/** A chart for each part of each layer, values beside gradients. Runs share a chart. */
export function renderNorms(page: Page, cards: readonly Card[]) {
  const { state, dark } = page;
  const layers = [...new Set(cards.map(layerName))];
  const starts = startsOf(cards.map(({ series: { run, entry } }) => ({ run, kept: entry.steps })));
  return layers.map((layer) => {
    const of = cards.filter((card) => layerName(card) === layer);
    const parts = partsOf(
      of.map((card) => ({ tag: card.series.tag, quantity: card.series.entry.metadata.quantity, one: card })),
    );
    const names = parts.flatMap(({ value, gradient }) =>
      [value, gradient].flatMap((card) => (card ? plotName(card) : [])),
    );
    const found = names.map((name) => {
      const drawn = of
        .filter((card) => plotName(card) === name)
        .map((card) => ({ card, requests: normRequests([card]) }));
      return { name, drawn, failure: failureOf(page, drawn) };
    });
    const plots = found.filter(({ failure }) => failure === null);
    return html`<section>
      <h2 class="section">${layer ? `Layer ${layer}` : "Weights"} <span class="muted">L2 norms over training, by gate</span></h2>
      ${found.map(({ name, failure }) =>
        failure === null
          ? nothing
          : html`<rg-message heading="${name} could not be loaded" .retry=${true}>${failure}</rg-message>`,
      )}
      <rg-step-curves
        .plots=${plots.map(({ name, drawn }) => plotOf(page, name, drawn, starts))} .axis=${state.xAxis} .smoothing=${state.smoothing} .dark=${dark}
      ></rg-step-curves>
    </section>`;
  });
}

/** A card, and the views that its norms are computed from. */
interface Drawn {
  card: Card;
  requests: TensorRequest[];
}

function layerName({ series: { tag, entry } }: Card): string {
  return layerOf(tag, entry);
}

function plotName({ series: { tag, entry } }: Card): string {
  return `${partOf(tag)}, ${entry.metadata.title}`;
}

function failureOf(page: Page, drawn: readonly Drawn[]): string | null {
  for (const request of drawn.flatMap(({ requests }) => requests)) {
    const loaded = page.peek(request);
    if (loaded.status === "error") return loaded.message;
  }
  return null;
}

function plotOf(
  page: Page,
  heading: string,
  drawn: readonly Drawn[],
  starts: ReadonlyMap<string, number>,
): StepPlot {
  const isGradient = drawn[0].card.series.entry.metadata.quantity === "weight_gradient";
  return {
    heading,
    scale: isGradient ? "log" : "linear",
    fromZero: true,
    gap: "none",
    traces: drawn.flatMap((one) => tracesOf(page, one, starts, drawn.length > 1)),
    coming: drawn.some(
      ({ card, requests }) =>
        !card.shown || requests.some((request) => page.peek(request).status === "loading"),
    ),
  };
}

/**
 * A line for each gate. Lines of several runs have the run's colour, and dashes tell gates apart; lines of a
 * single run have a colour per gate.
 */
function tracesOf(
  page: Page,
  { card: { series }, requests }: Drawn,
  starts: ReadonlyMap<string, number>,
  several: boolean,
): Trace[] {
  const groups = series.entry.metadata.channel_groups ?? null;
  const known = requests.flatMap((request) => {
    const loaded = page.peek(request);
    if (loaded.status !== "ready") return [];
    const kept: KeptStep = [request.step, request.wallTime];
    return [{ kept, norms: groupNorms(loaded.answer, groups) }];
  });
  return (groups ?? [[""]]).map(([name], gate) => {
    const label = [...(several ? [series.run] : []), name].filter(Boolean).join(" ");
    return traceOn(
      page.state.xAxis,
      starts.get(series.run) ?? 0,
      known.map(({ kept }) => kept),
      {
        label: label || series.run,
        colour: several ? page.colourOf(series.run) : sampleColour(gate, page.dark),
        dash: several ? dashAt(gate) : [],
        values: known.map(({ norms }) => norms[gate].norm),
      },
    );
  });
}
