import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { makeScale, union } from "../../colour/scale";
import { rare } from "../../components/controls/fields";
import type { Line } from "../../components/line_plot/uplot_options";
import type { Tensor, TensorRequest } from "../../data/types";
import { boundaries } from "../../maths/flow/flow";
import type { AxisNames } from "../../maths/heatmap/axes";
import { boundariesOfRows, curveColours, rowOf, rowRequest } from "../../maths/jacobian";
import { type Card, cardKey, type Group, tensorsOf } from "../../pictures/cards";
import { dashesOf, seriesNames } from "../../pictures/flow_cards";
import { axesOf, curve, curveRequest, isWhole } from "../../pictures/requests";
import { detailRequests, renderCard } from "../shared/heatmap_cards";
import { DEFAULT_LAYOUT, type TabLayout } from "../shared/layout";
import type { Page, Tab } from "../tab";
import "../../components/controls/bptt_field";
import "../../components/line_plot/line_plot";
import "./how_to_log";
import "./row";
import "../../components/controls/message";
import { hasTensors, isNorm, isRaw } from "../../data/quantities";
import { extentOf } from "../../pictures/scales";

/** The layout of Jacobian matrices: a row for each t, over the same s as the curve beside it. */
const ROWS_DOWN: TabLayout = { ...DEFAULT_LAYOUT, orientation: "timesteps" };

export const jacobianTab: Tab = {
  name: "Jacobian",
  what: "state Jacobians or itemised gradients",
  question: "How does the state at one timestep, or the loss there, depend on every earlier one?",
  controls: () => ["steps", "colours"],
  draws: (entry) => hasTensors(entry) && (isRaw(entry.metadata.quantity) || isNorm(entry.metadata.quantity)),
  absent: html`<rg-message heading="No state Jacobians or itemised gradients are logged here yet">
    <rg-how-to-jacobian></rg-how-to-jacobian></rg-message>`,
  cards: ({ cards, series, step, state }) => cards.all(series, step, state.show),
  requests: (page, cards) => [...detailRequests(page, cards), ...curveRequests(page, cards)],
  render: (page, _, groups) => html`
    ${rare(page.state, "bptt", html`<rg-bptt-field style="margin-bottom: 10px" .window=${page.state.bptt}></rg-bptt-field>`)}
    ${groups.map((group) => (isNorm(group.quantity) ? renderItemized(page, group) : renderJacobians(page, group)))}
  `,
};

/** The row of Jacobians pointed at; else the last, which depends on all timesteps. */
function rowIn({ cursor }: Page, tensors: readonly Tensor[]): number {
  const last = Math.max(0, ...tensors.map(({ timesteps }) => timesteps)) - 1;
  return Math.min(cursor?.t ?? last, last);
}

function renderJacobians(page: Page, group: Group): TemplateResult {
  const tensors = tensorsOf(group.cards);
  const row = rowIn(page, tensors);
  const timesteps = Math.max(1, ...tensors.map(({ channels }) => channels));
  const axes = group.cards.map(({ series, shown }) => axesOf(series, shown));
  const numbers = axes.map((of) => of.numbers?.[row] ?? row);
  const alike = <One>(ones: readonly One[]) => ones.every((one) => one === ones[0]);
  const names = seriesNames(group.cards).map((name, i) =>
    alike(numbers) ? name : `${name}, t = ${numbers[i]}`,
  );
  const dashes = dashesOf(group.cards);
  const by = axes.map(({ channels }) => channels);
  const lines = group.cards.flatMap((card, i): Line[] => {
    const values = card.shown && held(page, card.shown, row);
    const colour = page.colourOf(card.series.run);
    return values ? [{ label: names[i], colour, dash: dashes[i], values }] : [];
  });
  const meet = boundaries(page.state.bptt, timesteps, "timestep");
  const meetOf = (rows: AxisNames["numbers"]) => (rows ? boundariesOfRows(page.state.bptt, rows) : meet);
  // Beside the first picture, so that both are in view however many pictures there are.
  const beside = html`<rg-jacobian-row
    .row=${row} .heading=${stateAt(numbers, row)} .axis=${alike(by) ? by[0] : "timestep s"} .lines=${lines} .timesteps=${timesteps} .scale=${group.scale} .cursor=${page.cursor} .dark=${page.dark}
    .boundaries=${betweenTimesteps(meet)}
  ></rg-jacobian-row>`;
  return html`<section><div class="cards" style="--least: 400px">
    ${repeat(
      group.cards,
      cardKey,
      (
        card,
        i,
      ) => html`${renderCard(page, card, group, null, { ...ROWS_DOWN, boundaries: { t: meetOf(axes[i].numbers), c: meet } })}
        ${i === 0 ? beside : nothing}`,
    )}
  </div></section>`;
}

/** Which state the row belongs to. If the pictures have different chosen rows, each curve names its own. */
function stateAt(numbers: readonly number[], row: number): string {
  const [first = row] = numbers;
  return numbers.every((t) => t === first) ? `State at timestep ${first}` : `States of row ${row}`;
}

function held({ peek }: Page, tensor: Tensor, row: number): (number | null)[] | null {
  if (row < 0 || row >= tensor.timesteps) return null;
  if (isWhole(tensor)) return rowOf(tensor, row);
  const loaded = peek(rowRequest(tensor, row));
  return loaded.status === "ready" ? rowOf(loaded.answer, row) : null;
}

function renderItemized(page: Page, group: Group): TemplateResult {
  const extent = union(tensorsOf(group.cards).map((tensor) => extentOf(tensor)));
  const scale = makeScale(extent, { name: "log", signed: false, limit: null, threshold: null });
  // One section keeps a map and its curves together.
  return html`<section><div class="cards" style="--least: 812px">
    ${repeat(group.cards, cardKey, (card) => {
      const timesteps = card.shown?.timesteps ?? 1;
      const meet = boundaries(page.state.bptt, timesteps, "timestep");
      return html`<div class="cards" style="--least: 400px">
        ${renderCard(page, card, group, null, { ...DEFAULT_LAYOUT, boundaries: { t: meet } })}
        <rg-curve
          heading="${card.series.run}, ${card.series.tag}: norm over timestep s, a line for each loss" .channel=${null}
          axis="timestep s" gap="exact 0, or padding" .lines=${lossLines(page, card)} .xs=${null}
          .span=${[0, timesteps]} .scale=${scale} .boundaries=${betweenTimesteps(meet)}
          .cursor=${page.cursor} .dark=${page.dark}
        ></rg-curve>
      </div>`;
    })}
  </div></section>`;
}

/** The curve over s of each chosen loss timestep t. */
function lossLines({ peek, dark }: Page, { series, shown }: Card): Line[] {
  if (!shown) return [];
  const names = (series.entry.metadata.channel_groups ?? []).map(([name]) => name);
  const colours = curveColours(shown.channels, "viridis", dark);
  return colours.flatMap((colour, channel) => {
    const loaded = isWhole(shown) ? null : peek(curveRequest(shown, channel));
    if (loaded && loaded.status !== "ready") return [];
    const values = curve(loaded ? loaded.answer : shown, channel);
    return { label: names[channel] ?? `channel ${channel}`, colour, dash: [], values };
  });
}

/** The places on a curve where windows of truncated backpropagation meet: between two timesteps. */
function betweenTimesteps(meet: readonly number[]): number[] {
  return meet.map((first) => first - 0.5);
}

/** Requests for the curves of pooled views, at every timestep. */
function curveRequests(page: Page, cards: readonly Card[]): TensorRequest[] {
  return cards.flatMap(({ series, shown }) => {
    if (!shown || isWhole(shown)) return [];
    if (isRaw(series.entry.metadata.quantity)) return rowRequest(shown, rowIn(page, [shown]));
    return Array.from({ length: shown.channels }, (_, channel) => curveRequest(shown, channel));
  });
}
