/**
 * The layout of a picture: its vertical axis, and the order of its channels.
 *
 * An order is requested once, at the step at which the user chose it.
 */

import type { Boundaries } from "../../components/heatmap/marks";
import { isMatrix } from "../../data/quantities";
import type { TensorRequest } from "../../data/types";
import type { Orientation } from "../../maths/heatmap/axes";
import { type Order, sharedOrder } from "../../maths/heatmap/order";
import type { Card } from "../../pictures/cards";
import { arrangementOf, requestFor, WHOLE_CELLS } from "../../pictures/requests";
import type { State } from "../../state/state";
import type { Page } from "../tab";

export interface TabLayout {
  orientation: Orientation;
  order: Order | null;
  /** Why there is no order although the user chose one; empty otherwise. */
  note: string;
  /** Where to draw lines between cells. */
  boundaries: Boundaries;
}

/** The layout of records. Pictures use it unless the user can choose another. */
export const DEFAULT_LAYOUT: TabLayout = { orientation: "channels", order: null, note: "", boundaries: {} };

type Shown = Pick<Card, "series" | "shown">;

const TOO_LARGE = "Channels by their numbers: this record is too large to order all of them.";

/**
 * The layout that the user chose. The order is `leader`'s, if that has as many channels: pictures side by
 * side share it.
 */
export function toLayout({ state, peek }: Page, card: Shown, leader: Shown = card): TabLayout {
  const { shown } = card;
  const byNumber = { ...DEFAULT_LAYOUT, orientation: state.axes };
  if (!state.order || !shown || isMatrix(card.series)) return byNumber;
  if (isTooLarge(card)) return { ...byNumber, note: TOO_LARGE };
  const of = leader.shown?.channels === shown.channels ? leader : card;
  const request = orderRequest(of, state);
  const loaded = request ? peek(request) : null;
  if (loaded?.status === "error")
    return { ...byNumber, note: `Channels by their numbers: ${loaded.message}` };
  if (loaded?.status !== "ready" || loaded.answer.channels !== shown.channels) return byNumber;
  const groups = of.series.entry.metadata.channel_groups ?? null;
  return { ...byNumber, order: sharedOrder(loaded.answer, groups, state.order.by) };
}

/** Requests for the views from which the cards' orders are made. */
export function orderRequests({ state }: Page, cards: readonly Card[]): TensorRequest[] {
  return cards
    .filter((card) => card.shown && !isMatrix(card.series) && !isTooLarge(card))
    .flatMap((card) => orderRequest(card, state) ?? []);
}

/** The view for an order is always by lag, so that an order stays the same when the time axis turns. */
function orderRequest({ series }: Shown, state: Readonly<State>): TensorRequest | null {
  if (!state.order) return null;
  const { step, show } = state.order;
  const { reversed } = arrangementOf(series, state);
  const request = requestFor(series, step, show, { time: "lag", reversed });
  return request && { ...request, pooled: null };
}

function isTooLarge({ shown }: Shown): boolean {
  return shown !== null && shown.channels * shown.timesteps > WHOLE_CELLS;
}
