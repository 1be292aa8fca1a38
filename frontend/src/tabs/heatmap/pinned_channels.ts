/** Draws pinned channels as curves below their heatmaps. */

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { Line } from "../../components/line_plot/uplot_options";
import { isOfEachSample, type Tensor, type TensorRequest } from "../../data/types";
import { type Card, type Group, tensorsOf } from "../../pictures/cards";
import { curve, curveRequest, isWhole } from "../../pictures/requests";
import type { Page } from "../tab";
import "../../components/line_plot/line_plot";
import { dashAt } from "../../colour/dashes";
import { channelName } from "../../data/channel_groups";

export function renderPinned(page: Page, group: Group, pins: number[]) {
  const tensors = tensorsOf(group.cards);
  if (tensors.every(({ timesteps }) => timesteps < 2)) return nothing;
  const { window } = page.state;
  const lag = tensors[0].request.time === "lag";
  const groups = group.cards[0].series.entry.metadata.channel_groups;
  const longest = Math.max(...tensors.map(({ timesteps }) => timesteps));
  const coming = group.cards.some(({ loaded }) => loaded.status === "loading");
  const span = window ? [window.t0, Math.min(longest, window.t1)] : [0, longest];
  return html`
    <h2 class="section">
      ${page.state.pins ? "Pinned channels" : "The channel of the largest norm"}
      <span class="muted">over ${lag ? "lags" : "timesteps"}; click a channel in a heatmap to pin it</span>
    </h2>
    <div class="cards">
      ${repeat(
        pins,
        (pin) => pin,
        (pin) => html`<rg-curve
          .xs=${null} .axis=${lag ? "lag" : "timestep"} .turned=${lag} heading="channel ${channelName(pin, groups)}" .channel=${pin} .lines=${lines(page, group.cards, pin)}
          .scale=${group.scale} .span=${span} .cursor=${page.cursor} .dark=${page.dark} .coming=${coming}
        ></rg-curve>`,
      )}
    </div>
  `;
}

/** Requests for the pinned channels of pooled views, at every timestep. */
export function pinnedRequests(page: Page, cards: readonly Card[]): TensorRequest[] {
  const quantityOf = ({ series }: Card) => series.entry.metadata.quantity;
  return [...new Set(cards.map(quantityOf))].flatMap((quantity) => {
    const tensors = tensorsOf(cards.filter((card) => quantityOf(card) === quantity));
    const pins = page.pinsOf(tensors);
    return tensors
      .filter((tensor) => !isWhole(tensor))
      .flatMap((tensor) =>
        pins.filter((pin) => pin < tensor.channels).map((pin) => curveRequest(tensor, pin)),
      );
  });
}

function lines(page: Page, cards: readonly Card[], channel: number): Line[] {
  const tags = [...new Set(cards.map(({ series }) => series.tag))];
  const several = isOfEachSample(page.state.show);
  const tagsOf = (run: string) => [
    ...new Set(cards.filter(({ series }) => series.run === run).map(({ series }) => series.tag)),
  ];
  return cards.flatMap(({ series, request, shown }) => {
    if (!shown || channel >= shown.channels) return [];
    const tensor = inFull(page, shown, channel);
    if (!tensor) return [];
    const sample = several ? ` sample ${request.show}` : "";
    const pattern = several ? Number(request.show) : tagsOf(series.run).indexOf(series.tag);
    return {
      label: (tags.length > 1 ? `${series.run} ${series.tag}` : series.run) + sample,
      colour: page.colourOf(series.run),
      dash: dashAt(pattern),
      chosen: page.isPinned(series) && !several,
      ...(several && { sample: Number(request.show) }),
      values: curve(tensor, channel),
    };
  });
}

function inFull({ peek }: Page, tensor: Tensor, channel: number): Tensor | null {
  if (isWhole(tensor)) return tensor;
  const loaded = peek(curveRequest(tensor, channel));
  return loaded.status === "ready" ? loaded.answer : null;
}
