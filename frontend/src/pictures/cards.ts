import type { Extent, Scale } from "../colour/scale";
import { isRaw } from "../data/quantities";
import type { Loaded } from "../data/resource";
import type { Series } from "../data/series";
import type { Tensors } from "../data/tensors";
import type { Arrangement, Flow, Show, Tags, Tensor, TensorRequest } from "../data/types";
import { EXTENT, extentOverSteps } from "../maths/flow/flow";
import type { State } from "../state/state";
import { requestFor, showsOf } from "./requests";
import { extentOf, scaleFor } from "./scales";

/** One picture, with what is known about it. */
export interface Card {
  series: Series;
  request: TensorRequest;
  loaded: Loaded<Tensor>;
  /** The view to draw: the last one drawn stays, under its own step, until the next arrives. */
  shown: Tensor | null;
}

/** Pictures of one quantity, which share one scale. */
export interface Group {
  quantity: string;
  title: string;
  cards: Card[];
  scale: Scale;
}

/** Creates cards, and remembers what each showed last. */
export class Cards {
  private readonly lastShown = new Map<string, Tensor>();

  constructor(private readonly tensors: Pick<Tensors, "peek">) {}

  /** The card of a series at the kept step nearest to `step`. `role` tells several cards of one series apart. */
  nearest(series: Series, step: number, show: Show, role = "", arrangement: Arrangement = {}): Card | null {
    const request = requestFor(series, step, show, arrangement);
    return request && this.of(series, request, role);
  }

  /** The card of one view of a series. */
  of(series: Series, request: TensorRequest, role = ""): Card {
    const loaded = this.tensors.peek(request);
    const key = cardKey({ series, request }) + role;
    if (loaded.status === "ready") this.lastShown.set(key, loaded.answer);
    return { series, request, loaded, shown: this.lastShown.get(key) ?? null };
  }

  /** What the card of a series showed last. */
  last(series: Series, show: Show, role: string): Tensor | null {
    return this.lastShown.get(cardKey({ series, request: { show } }) + role) ?? null;
  }

  /** The cards of all series for the chosen samples, each arranged as `arrange` says. */
  all(
    series: readonly Series[],
    step: number,
    choice: State["show"],
    arrange: (series: Series) => Arrangement = () => ({}),
  ): Card[] {
    return series.flatMap((of) => {
      const cards = showsOf(choice, of).flatMap(
        (show) => this.nearest(of, step, show, "", arrange(of)) ?? [],
      );
      return cards.some(isPoints) ? cards.slice(0, 1) : cards; // a scatter plot shows every sample at once
    });
  }

  /** The views of a card that have arrived. A scatter plot has one for each sample. */
  drawnBy(card: Card): Tensor[] {
    if (!isPoints(card)) return card.shown ? [card.shown] : [];
    return pointRequests(card).flatMap((request) => this.ready(request) ?? []);
  }

  /** A view, if it has arrived. */
  ready(request: TensorRequest): Tensor | null {
    const loaded = this.tensors.peek(request);
    return loaded.status === "ready" ? loaded.answer : null;
  }
}

export function cardKey({
  series,
  request,
}: {
  series: Series;
  request: Pick<TensorRequest, "show">;
}): string {
  return JSON.stringify([series.run, series.tag, request.show]);
}

export function tensorsOf(cards: readonly Card[]): Tensor[] {
  return cards.flatMap(({ shown }) => shown ?? []);
}

/** Whether a picture has one timestep of several samples. Points show these better than a column of colours. */
export function isPoints({ series, shown }: Card): boolean {
  const { quantity } = series.entry.metadata;
  return shown?.timesteps === 1 && series.entry.samples > 1 && !quantity?.startsWith("weight");
}

export function pointRequests({ request, shown }: Card): TensorRequest[] {
  return Array.from({ length: shown?.kept ?? 0 }, (_, sample) => ({ ...request, show: sample }));
}

/** One block suffices to learn what a whole view holds. */
const ONE_BLOCK = { rows: 1, columns: 1 };

/**
 * The views of the cards' tags in runs that are not among the cards, at the step nearest to `step`.
 *
 * A colour range over all runs covers these beyond what is drawn.
 */
export function peerRequests(cards: readonly Card[], tags: Tags, step: number): TensorRequest[] {
  const drawn = new Set(cards.map(({ series }) => JSON.stringify([series.run, series.tag])));
  const requests = cards.flatMap((card) =>
    Object.entries(tags).flatMap(([run, { [card.series.tag]: entry }]) => {
      const { tag } = card.series;
      const { time } = card.request;
      const sameKind = entry?.metadata.quantity === card.series.entry.metadata.quantity;
      if (!sameKind || drawn.has(JSON.stringify([run, tag]))) return [];
      const shows = isPoints(card) ? showsOf("samples", { run, tag, entry }) : [card.request.show];
      const kept = shows.filter((show) => typeof show === "string" || show < entry.samples);
      return kept.flatMap((show) => requestFor({ run, tag, entry }, step, show, { time }) ?? []);
    }),
  );
  const once = new Map(requests.map((request) => [JSON.stringify(request), request]));
  return [...once.values()].map((request) => ({ ...request, pooled: ONE_BLOCK }));
}

/** What scales are made from, in addition to the cards. */
export interface Known {
  state: State;
  drawnBy(card: Card): Tensor[];
  flowOf(series: Series, statistics: readonly string[]): Loaded<Flow>;
  /** The views of other runs that have arrived. */
  peersOf(cards: readonly Card[]): Tensor[];
}

/** Groups of cards by quantity, each with one scale: different quantities differ by orders of magnitude. */
export function groupsOf(cards: readonly Card[], known: Known): Group[] {
  const byQuantity = new Map<string, Card[]>();
  for (const card of cards) {
    const quantity = card.series.entry.metadata.quantity ?? "other";
    byQuantity.set(quantity, [...(byQuantity.get(quantity) ?? []), card]);
  }
  return [...byQuantity].map(([quantity, of]) => {
    const title = of[0].series.entry.metadata.title ?? quantity;
    return { quantity, title, cards: of, scale: sharedScale(quantity, of, known) };
  });
}

/** The scale of a group: over all steps by their flow, once that has arrived; else over what is shown and all runs. */
function sharedScale(quantity: string, cards: readonly Card[], known: Known): Scale {
  const { state, drawnBy, flowOf, peersOf } = known;
  const flows = state.range === "steps" ? cards.map(({ series }) => flowOf(series, EXTENT)) : [];
  const overSteps = flows.flatMap(extentsOverSteps);
  const complete = overSteps.length > 0 && overSteps.length === cards.length && !isRaw(quantity);
  const peers = state.range === "runs" ? peersOf(cards) : [];
  const extents = complete
    ? overSteps
    : [...cards.flatMap(drawnBy), ...peers].map((tensor) => extentOf(tensor, state.percentile));
  return scaleFor(extents, state, quantity);
}

/** The range over all steps by a flow; empty if it has not arrived or holds no largest magnitudes. */
export function extentsOverSteps(loaded: Loaded<Flow>): Extent[] {
  return loaded.status === "ready" && "max_abs" in loaded.answer.columns
    ? [extentOverSteps(loaded.answer)]
    : [];
}

/** The scale of one card: the group's, or its own if the user chose a range for each picture. */
export function scaleOf({ series, shown }: Card, shared: Scale, state: State): Scale {
  if (state.range !== "each" || !shown) return shared;
  return scaleFor([extentOf(shown, state.percentile)], state, series.entry.metadata.quantity);
}
