import { css, html, LitElement, nothing } from "lit";
import { isOfMagnitudes } from "../colour/scale";
import type { Cursor } from "../components/base/events";
import { Memo } from "../components/base/memo";
import { controls, tabContent } from "../components/base/theme";
import { HELP } from "../components/controls/help";
import { showSizes } from "../components/controls/resize_handle";
import { fetchRuns, fetchTags } from "../data/api";
import { Flows } from "../data/flows";
import { Histograms } from "../data/histograms";
import { drawnRuns, everyRun, orderedRuns } from "../data/listing";
import { Logged } from "../data/logged_steps";
import { relatives, tagWords } from "../data/parts";
import { Scalars } from "../data/scalars";
import { Tensors } from "../data/tensors";
import type { Tags, TensorRequest } from "../data/types";
import type { Window } from "../data/window";
import {
  hostLink,
  readHostHash,
  runColour,
  watchDarkMode,
  watchHistory,
  watchReloads,
  writeHostHash,
} from "../host/tensorboard";
import { type Card, Cards, type Group, groupsOf, isPoints, peerRequests } from "../pictures/cards";
import { atStep } from "../pictures/requests";
import {
  pinnedFirst,
  shownPins,
  shownRuns,
  shownSeries,
  shownTags,
  stepIndex,
  togglePinned,
  undrawn,
} from "../state/choices";
import { keepSettings, keptSettings } from "../state/settings";
import type { State } from "../state/state";
import { Store } from "../state/store";
import { readHash, writeHash } from "../state/url";
import { TABS } from "../tabs/index";
import type { Control, Page } from "../tabs/tab";
import { renderAbsence, renderLacking } from "./absence";
import { renderMissing } from "./missing";
import { onceAFrame } from "./once_a_frame";
import { type ListItem, runItems, tagItems } from "./sidebar_items";
import "../components/controls/colour_bar";
import "../components/controls/how_to_log";
import "../components/controls/message";
import "./play_button";
import "./sidebar";
import "./step_slider";
import "./tab_bar";
import "./tips";
import "./toolbar";
import { isMatrix, isRaw } from "../data/quantities";
import { isNamed, type Series, unionSteps } from "../data/series";
import { isDiverging, isSigned, mapFor } from "../pictures/scales";

/** Fetch the neighbouring steps ahead for at most this many pictures. */
const PREFETCHED_CARDS = 8;
/** Draw at most this many of the chosen series, and this many more each time the user asks for more. */
const MOST_SERIES = 64;
const NO_MARKS: ReadonlyMap<number, string> = new Map();
/** Browsers refuse more than a few changes of the URL a second, so a dragged slider writes it only at rest. */
const MIRROR_MILLISECONDS = 100;

/** The page. It owns the state and the data and hands both down; elements answer with events. */
export class RnngradApp extends LitElement {
  static override properties = {
    tags: { state: true },
    problem: { state: true },
    cursor: { state: true },
    dark: { state: true },
  };
  static override styles = [
    controls,
    tabContent,
    css`
      :host { display: flex; height: 100vh; overflow: hidden; background: var(--rg-page); }
      main { flex: 1; min-width: 0; display: flex; flex-direction: column; }
      .top { padding: 10px 16px; display: flex; flex-direction: column; gap: 8px; background: var(--rg-background); border-bottom: 1px solid var(--rg-border); }
      .steps { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 16px; }
      .steps rg-step-slider { flex: 1 1 420px; }
      .content { flex: 1; overflow-y: auto; padding: 12px 16px; }
      .alone { margin: 0 0 8px; overflow-wrap: anywhere; }
      @media (max-height: 560px) {
        main { overflow-y: auto; }
        .top, .content { flex: none; }
      }
      @media (max-width: 760px) {
        :host { flex-direction: column; height: auto; min-height: 100vh; overflow: visible; }
        .content { overflow: visible; }
      }
    `,
  ];

  declare tags: Tags | null;
  declare problem: string | null;
  declare cursor: Cursor | null;
  declare dark: boolean;

  /** The runs in the order that gives them their colours. */
  private knownRuns: string[] = [];
  private mirroring: ReturnType<typeof setTimeout> | undefined;
  private readonly store = new Store(readHash(readHostHash(), keptSettings(readHostHash())));
  /** The channels that are drawn where the user pinned none. */
  private automaticPins: number[] = [];
  /** The state that the browser's address holds. */
  private mirrored = this.store.state;
  /** Draws answers together that arrive one after the other, such as the flows of many runs. */
  private readonly redraw = onceAFrame(() => this.requestUpdate());
  private readonly tensors = new Tensors(this.redraw);
  private readonly flows = new Flows(this.redraw);
  private readonly histograms = new Histograms(this.redraw);
  private readonly logged = new Logged(this.redraw);
  private readonly scalars = new Scalars(this.redraw);
  private readonly cards = new Cards(this.tensors);
  private readonly runItems = new Memo<ListItem[]>();
  private readonly tagItems = new Memo<ListItem[]>();
  /** How many times the user asked for more series. */
  private asked = 0;

  constructor() {
    super();
    this.tags = null;
    this.problem = null;
    this.cursor = null;
    this.dark = false;
    this.store.subscribe(() => {
      clearTimeout(this.mirroring);
      this.mirroring = setTimeout(() => this.mirror(), MIRROR_MILLISECONDS);
      this.requestUpdate();
    });
    watchDarkMode((dark) => {
      this.dark = dark;
      document.documentElement.classList.toggle("dark", dark);
    });
    watchReloads(() => this.reload());
    watchHistory((hash) => this.goBack(hash));
    this.addEventListener("rg-set", (event) => this.set(event.detail));
    this.addEventListener("rg-cursor", (event) => this.moveCursor(event.detail));
    this.addEventListener("rg-pin", (event) => this.togglePin(event.detail.c));
    this.addEventListener("rg-pin-card", (event) =>
      this.store.set({ pinned: togglePinned(this.store.state.pinned, event.detail) }),
    );
    this.addEventListener("rg-retry", () => this.retry());
    void this.reload();
  }

  /** List the data again. The state stays. */
  private async reload(): Promise<void> {
    try {
      const [tags, runs] = await Promise.all([fetchTags(), fetchRuns()]);
      if (runs.join("\n") !== this.knownRuns.join("\n")) this.knownRuns = runs;
      this.tags = tags;
      this.problem = null;
      this.scalars.reload();
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
    }
  }

  /**
   * Change the state. A new choice of runs or tags ends showing a few series alone; so does opening the
   * overview, which shows all.
   */
  private set(change: Partial<State>): void {
    const ends = "runs" in change || "tags" in change || change.view === "overview";
    if (ends || "view" in change) this.asked = 0;
    this.store.set(ends ? { alone: null, ...change } : change);
  }

  /** Write the state where it outlives the page. Each change of view adds an entry to the browser's history. */
  private mirror(): void {
    const { state } = this.store;
    const before = this.mirrored;
    this.mirrored = state;
    const moved = state.view !== before.view || state.alone !== before.alone;
    if (moved) writeHostHash(writeHash(readHostHash(), before));
    writeHostHash(writeHash(readHostHash(), state), moved);
    keepSettings(state);
  }

  /** Show what the page showed before, after the browser went back or forward. */
  private goBack(hash: string): void {
    this.store.set(readHash(hash));
    this.mirrored = this.store.state;
  }

  private retry(): void {
    this.tensors.retry();
    this.flows.retry();
    this.histograms.retry();
    this.requestUpdate();
    void this.reload();
  }

  private moveCursor(cursor: Cursor | null): void {
    if (cursor?.t !== this.cursor?.t || cursor?.c !== this.cursor?.c || cursor?.s !== this.cursor?.s)
      this.cursor = cursor;
  }

  private togglePin(channel: number): void {
    const pins = this.store.state.pins ?? this.automaticPins;
    const others = pins.filter((pin) => pin !== channel);
    this.store.set({ pins: others.length < pins.length ? others : [...pins, channel] });
  }

  override render() {
    const { tags } = this;
    if (!tags) {
      return this.problem
        ? html`<rg-message heading="The list of runs could not be loaded" .retry=${true}>${this.problem}</rg-message>`
        : html`<rg-message heading="Loading …" .busy=${true}></rg-message>`;
    }
    const { state } = this.store;
    showSizes(state.sizes);
    const { draws, first, firstRuns, most = MOST_SERIES } = TABS[state.view];
    const runs = shownRuns(state, tags, draws, firstRuns);
    const chosenTags = shownTags(state, tags, runs, draws, first);
    const chosen = pinnedFirst(shownSeries(tags, runs, chosenTags), state.pinned);
    const alone = this.aloneOf(tags);
    const page = this.page((alone.length ? alone : chosen).slice(0, (1 + this.asked) * most), tags);
    return html`
      ${this.renderSidebar(tags, state, runs, chosenTags)}
      <rg-tips></rg-tips>
      <main>
        <h1 class="unseen">RNN Gradients</h1>
        ${
          Object.keys(tags).length === 0
            ? html`<rg-message heading="No recurrent gradients are logged here yet">
                No run in this log directory holds data of tb_rnngrad.
                <rg-how-to-log></rg-how-to-log>
              </rg-message>`
            : this.renderMain(page, tags, runs, chosenTags, {
                chosen,
                alone: alone.length > 0,
              })
        }
      </main>
    `;
  }

  /**
   * The series shown alone that the view draws. Where it cannot draw a record, its parts stand for it; where
   * it cannot draw a part, the record does.
   */
  private aloneOf(tags: Tags): Series[] {
    const { alone, view } = this.store.state;
    const { draws } = TABS[view];
    const names = (alone ?? []).flatMap(([run, tag]): Series["tag"][][] => {
      const entry = tags[run]?.[tag];
      if (!entry) return [];
      return (draws(entry) ? [tag] : relatives(entry)).map((one) => [run, one]);
    });
    const unique = [...new Map(names.map((name) => [JSON.stringify(name), name])).values()];
    return unique.flatMap(([run, tag]) => {
      const entry = tags[run][tag];
      return entry && draws(entry) ? [{ run, tag, entry }] : [];
    });
  }

  private page(series: Series[], tags: Tags): Page {
    const { state } = this.store;
    const drawn = drawnRuns(tags, TABS[state.view].draws);
    const statistics = TABS[state.view].statistics?.(state);
    const steps = unionSteps(series, (one) => {
      const loaded = statistics && this.flows.get(one, statistics);
      return loaded?.status === "ready" ? loaded.answer.steps : one.entry.steps;
    });
    return {
      state,
      series,
      steps,
      step: steps[stepIndex(steps, state.step)],
      drawnRuns: orderedRuns(tags).filter((run) => drawn.has(run)),
      cursor: this.cursor,
      dark: this.dark,
      cards: this.cards,
      colourOf: (run) => runColour(run, this.knownRuns, this.dark),
      peek: (request) => this.tensors.peek(request),
      flowOf: (one, statistics) => this.flows.get(one, statistics),
      histogramOf: (request) => this.histograms.get(request),
      listScalars: () => this.scalars.list(),
      scalarsOf: (tag) => this.scalars.get(tag),
      pinsOf: (tensors) => {
        const pins = shownPins(state, tensors);
        if (!state.pins) this.automaticPins = pins;
        return pins;
      },
      isPinned: (one) => state.pinned.some((name) => isNamed(one, name)),
    };
  }

  private renderSidebar(tags: Tags, state: State, runs: string[], chosenTags: string[]) {
    const { knownRuns, dark } = this;
    const { draws } = TABS[state.view];
    const runsListed = this.runItems.of([tags, knownRuns, dark, runs.join("\n")], () =>
      runItems(tags, knownRuns, runs, (run) => runColour(run, knownRuns, dark)),
    );
    const tagsListed = this.tagItems.of([tags, draws, chosenTags.join("\n")], () =>
      tagItems(tags, chosenTags, draws),
    );
    return html`<rg-sidebar
      role="complementary" aria-label="Runs and tags" .runItems=${runsListed} .tagItems=${tagsListed} .runs=${runs}
      .tags=${chosenTags} .others=${undrawn(state, tags, runs, draws)} .runFilter=${state.runFilter} .tagFilter=${state.tagFilter}
    ></rg-sidebar>`;
  }

  /**
   * Renders the tab. `among` holds the chosen series, of which `page` draws the first, and whether they are
   * shown alone.
   */
  private renderMain(
    page: Page,
    tags: Tags,
    runs: string[],
    chosenTags: string[],
    among: { chosen: readonly Series[]; alone: boolean },
  ) {
    const { state, steps } = page;
    const tab = TABS[state.view];
    const cards = steps.length ? tab.cards(page) : [];
    const more = this.fetch(page, cards, tags);
    const has = (control: Control) => tab.controls(state).includes(control);
    const groups = groupsOf(cards, {
      state: { ...state, show: tab.show ?? state.show },
      drawnBy: (card) => this.cards.drawnBy(card),
      flowOf: page.flowOf,
      peersOf: (of) =>
        peerRequests(of, tags, page.step).flatMap((request) => this.cards.ready(request) ?? []),
    });
    const link = () => hostLink(writeHash(readHostHash(), this.store.state));
    return html`
      <div class="top">
        <rg-tab-bar view=${state.view} .link=${link}></rg-tab-bar>
        ${
          steps.length && has("steps")
            ? html`<div class="steps">
                <rg-step-slider .steps=${steps} .step=${state.step} .logged=${this.logged.of(page.series)} .marks=${tab.marks?.(page) ?? NO_MARKS}></rg-step-slider>
                <rg-play-button
                  .steps=${steps} .step=${state.step} .speed=${state.speed} .loop=${state.loop}
                  .waiting=${cards.some(({ loaded }) => loaded.status === "loading")}
                ></rg-play-button>
              </div>`
            : nothing
        }
        ${groups.length && (has("colours") || has("scale") || has("axis")) ? this.renderToolbar(page, cards, groups, has) : nothing}
        ${groups.length && has("colours") ? this.renderColourBars(page, groups) : nothing}
      </div>
      <div class="content" role="tabpanel" aria-labelledby="view">
        <h2 id="view" class="unseen">${tab.name}</h2>
        ${this.problem ? html`<rg-message heading="TensorBoard's new data could not be listed" .retry=${true}>${this.problem}</rg-message>` : nothing}
        ${among.alone ? this.renderAlone(page.series, among.chosen.length) : this.renderChosen(page, tags, runs, chosenTags, among.chosen)}
        ${renderMissing(page, cards, more)}
        ${steps.length ? tab.render(page, cards, groups) : nothing}
        ${renderAbsence({ tags, known: everyRun(tags, this.knownRuns), runs, chosenTags, series: page.series, tab })}
      </div>
    `;
  }

  private renderAlone(shown: readonly Series[], others: number) {
    const names = shown.map(({ run, tag, entry }) => `${run}, ${tagWords(tag, entry)}`);
    return html`<p class="alone">
      <span class="muted">Only</span> ${names.length > 3 ? `${names.length} series` : names.join("; ")} <span class="muted">shown.</span>
      <button class="link" aria-description=${HELP.showAll} @click=${() => this.set({ alone: null })}>Show all ${others} chosen</button>
    </p>`;
  }

  /** A note on how many of the chosen series are drawn. */
  private renderChosen(
    { state, series }: Page,
    tags: Tags,
    runs: string[],
    chosenTags: string[],
    chosen: readonly Series[],
  ) {
    const tab = TABS[state.view];
    return html`
      ${this.renderMore(series.length, chosen.length)}
      ${this.renderInstead(state, undrawn(state, tags, runs, tab.draws), chosenTags)}
      ${renderLacking(tags, runs, chosen, tab)}
    `;
  }

  /** A button that draws more series: the page does not draw thousands of pictures unasked. */
  private renderMore(shown: number, chosen: number) {
    if (shown === chosen) return nothing;
    const more = () => {
      this.asked++;
      this.requestUpdate();
    };
    return html`<p class="alone">
      The first ${shown} of ${chosen} chosen series are shown.
      <button class="link" aria-description=${HELP.showMore} @click=${more}>Show more</button>
    </p>`;
  }

  /** A note on chosen tags that this view cannot draw, and on what it shows instead. */
  private renderInstead({ tags }: State, others: string[], shown: string[]) {
    if (others.length === 0 || tags?.some((tag) => !others.includes(tag)) || shown.length === 0)
      return nothing;
    return html`<p class="muted">This view cannot draw ${others.join(", ")}: it shows ${shown.join(", ")} instead.</p>`;
  }

  private renderToolbar({ state }: Page, cards: Card[], groups: Group[], has: (control: Control) => boolean) {
    const sampled = has("colours") ? cards.filter((card) => !isMatrix(card.series) && !isPoints(card)) : [];
    const samples = Math.max(0, ...sampled.map(({ series }) => series.entry.samples));
    const anyDiverging = groups.some(({ scale }) => isDiverging(scale));
    const anyScaled = groups.some(({ quantity }) => !isRaw(quantity));
    return html`
      <rg-toolbar .state=${state} .samples=${samples} .scale=${groups[0].scale} .diverging=${anyDiverging} .mapped=${!has("axis")} .scaled=${anyScaled}>
        ${state.window ? this.renderZoom(state.window) : nothing}
      </rg-toolbar>
    `;
  }

  private renderColourBars({ state, dark }: Page, groups: Group[]) {
    return html`
      ${groups.map(
        ({ scale, title }, i) => html`<rg-colour-bar
          .scale=${scale} .map=${mapFor(scale, state.map, dark)} .legend=${i === 0} .adjustable=${true} .clipped=${isClipped(state)}
          .label=${title + (isOfMagnitudes(scale) && isSigned(state.show) ? ", magnitude" : "")}
        ></rg-colour-bar>`,
      )}
    `;
  }

  private renderZoom({ c0, c1, t0, t1 }: Window) {
    const { time, order } = this.store.state;
    return html`
      <span class="number">
        ${time}s ${t0} to ${t1 - 1}, ${order ? "rows" : "channels"} ${c0} to ${c1 - 1}
        <button title="Show everything (double-click, or 0 in a heatmap)" @click=${() => this.store.set({ window: null })}>
          Reset zoom
        </button>
      </span>
    `;
  }

  /**
   * Fetch the shown views first, then the views for their colours and their detail, and last the slider's
   * neighbours.
   *
   * Returns the requests for colours and detail.
   */
  private fetch(page: Page, cards: Card[], tags: Tags): TensorRequest[] {
    const { state, steps } = page;
    const index = stepIndex(steps, state.step);
    const neighbours = [index + 1, index - 1].filter((i) => i >= 0 && i < steps.length);
    const soon = neighbours.flatMap((i) =>
      cards.slice(0, PREFETCHED_CARDS).map(({ series, request }) => atStep(series, request, steps[i])),
    );
    const peersAt = (step: number) => (state.range === "runs" ? peerRequests(cards, tags, step) : []);
    const more = [...peersAt(page.step), ...TABS[state.view].requests(page, cards)];
    this.tensors.want(
      [...cards.map(({ request }) => request), ...more],
      [...soon, ...neighbours.flatMap((i) => peersAt(steps[i]))],
    );
    return more;
  }
}

/** Whether the range may leave out values that are shown. */
function isClipped({ limit, low, percentile }: State): boolean {
  return limit !== null || low !== null || percentile !== 100;
}

customElements.define("rnngrad-app", RnngradApp);
