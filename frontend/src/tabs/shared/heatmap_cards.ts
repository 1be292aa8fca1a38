/** What tabs with heatmaps share: a card as an element, and the detail for zooming. */

import { html, nothing } from "lit";
import type { Tensor, TensorRequest } from "../../data/types";
import { type Card, type Group, isPoints, pointRequests, scaleOf, tensorsOf } from "../../pictures/cards";
import { backwardChannels, detailFor } from "../../pictures/requests";
import type { Page } from "../tab";
import { DEFAULT_LAYOUT, type TabLayout } from "./layout";
import "../../components/heatmap/card";
import "../../components/heatmap/layout_bar";
import "../../components/heatmap/scatter";
import { isMatrix } from "../../data/quantities";
import { mapFor } from "../../pictures/scales";

/** The name of a card among others ("A"), and the step that the user chose. */
interface Role {
  name: string;
  wanted: number;
}

export function renderCard(
  page: Page,
  card: Card,
  group: Group,
  pins: number[] | null,
  layout: TabLayout = DEFAULT_LAYOUT,
  role?: Role,
  heading = "",
) {
  const { state, dark, cursor, colourOf } = page;
  const { series, request, loaded, shown } = card;
  const wanted = role?.wanted ?? page.step;
  if (isPoints(card)) {
    return html`<rg-scatter
      .series=${series} .name=${role?.name ?? ""} .colour=${colourOf(series.run)} .samples=${page.cards.drawnBy(card)}
      .step=${request.step} .wanted=${wanted} .scale=${group.scale} .pins=${pins} .cursor=${cursor} .pinned=${page.isPinned(series)}
    ></rg-scatter>`;
  }
  const scale = scaleOf(card, group.scale, state);
  return html`<rg-card
    .heading=${heading} .series=${series} .name=${role?.name ?? ""} .colour=${colourOf(series.run)}
    .step=${request.step} .wanted=${wanted} .loaded=${loaded} .shown=${shown} .detail=${detailOf(page, shown)}
    .scale=${scale} .map=${mapFor(scale, state.map, dark)} .window=${state.window}
    .orientation=${layout.orientation} .order=${layout.order} .note=${layout.note} .boundaries=${layout.boundaries}
    .pins=${pins} .cursor=${cursor} .pinned=${page.isPinned(series)}
    .marked=${state.show === "samples" && cursor?.s === request.show}
  ></rg-card>`;
}

/** Controls for the layout of the pictures. Points have no layout, and only pictures of cells can be turned. */
export function renderLayoutBar({ state, step }: Page, cards: readonly Card[], turnable = true) {
  const pictures = cards.filter((card) => card.shown && !isPoints(card));
  if (pictures.length === 0) return nothing;
  const tensors = tensorsOf(pictures);
  const sequences = pictures.filter(({ series, shown }) => !isMatrix(series) && Number(shown?.timesteps) > 1);
  const whole = {
    c0: 0,
    c1: Math.max(...tensors.map(({ channels }) => channels)),
    t0: 0,
    t1: Math.max(...tensors.map(({ timesteps }) => timesteps)),
  };
  return html`<rg-heatmap-bar
    .state=${state} .step=${step} .whole=${whole} .turnable=${turnable} .sequences=${sequences.length > 0}
    .backward=${sequences.some(({ series }) => backwardChannels(series) !== undefined)}
  ></rg-heatmap-bar>`;
}

/** The window in more detail than `shown` has, if it has arrived. */
export function detailOf({ state, peek }: Page, shown: Tensor | null): Tensor | null {
  const request = shown && detailFor(shown, state.window);
  const detailed = request ? peek(request) : null;
  return detailed?.status === "ready" ? detailed.answer : null;
}

/** Requests for the detail of a window, and for the points of samples. */
export function detailRequests({ state }: Page, cards: readonly Card[]): TensorRequest[] {
  const details = tensorsOf(cards).flatMap((tensor) => detailFor(tensor, state.window) ?? []);
  return [...details, ...cards.filter(isPoints).flatMap(pointRequests)];
}
