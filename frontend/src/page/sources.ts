import { Flows } from "../data/flows";
import { Histograms } from "../data/histograms";
import { Logged } from "../data/logged_steps";
import { Scalars } from "../data/scalars";
import { Tensors } from "../data/tensors";
import type { Tags, TensorRequest } from "../data/types";
import { type Card, Cards, peerRequests } from "../pictures/cards";
import { atStep } from "../pictures/requests";
import { stepIndex } from "../state/choices";
import type { Page, Tab } from "../tabs/tab";

/** Fetch the neighbouring steps ahead for at most this many pictures. */
const PREFETCHED_CARDS = 8;

/** All that pictures are made from. */
export class Sources {
  readonly tensors: Tensors;
  readonly flows: Flows;
  readonly histograms: Histograms;
  readonly logged: Logged;
  readonly scalars: Scalars;
  readonly cards: Cards;

  /** `changed` is called when anything arrived or failed. */
  constructor(changed: () => void) {
    this.tensors = new Tensors(changed);
    this.flows = new Flows(changed);
    this.histograms = new Histograms(changed);
    this.logged = new Logged(changed);
    this.scalars = new Scalars(changed);
    this.cards = new Cards(this.tensors);
  }

  /** Forget failures, so that they are tried again. */
  retry(): void {
    for (const source of [this.tensors, this.flows, this.histograms]) source.retry();
  }

  /**
   * Fetch the shown views first, then the views for their colours and their detail, and last the slider's
   * neighbours.
   *
   * Returns the requests for colours and detail.
   */
  fetch(page: Page, cards: Card[], tags: Tags, tab: Tab): TensorRequest[] {
    const { state, step, steps } = page;
    const index = stepIndex(steps, state.step);
    const neighbours = [steps[index + 1], steps[index - 1]].filter((near) => near !== undefined);
    const soon = neighbours.flatMap((near) =>
      cards.slice(0, PREFETCHED_CARDS).map(({ series, request }) => atStep(series, request, near)),
    );
    const peersAt = (at: number) => (state.range === "runs" ? peerRequests(cards, tags, at) : []);
    const more = [...peersAt(step), ...tab.requests(page, cards)];
    const shown = cards.map(({ request }) => request);
    this.tensors.want([...shown, ...more], [...soon, ...neighbours.flatMap(peersAt)]);
    return more;
  }
}
