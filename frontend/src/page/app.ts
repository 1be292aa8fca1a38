import { css, html, LitElement, nothing } from "lit";
import type { Cursor } from "../components/base/events";
import { Memo } from "../components/base/memo";
import { controls, tabContent } from "../components/base/theme";
import { showSizes } from "../components/controls/resize_handle";
import { fetchRuns, fetchTags } from "../data/api";
import { drawnRuns, everyRun, orderedRuns } from "../data/listing";
import { isNamed, type Series, unionSteps } from "../data/series";
import type { Tags, Tensor } from "../data/types";
import { runColour, watchDarkMode, watchReloads } from "../host/tensorboard";
import { type Card, type Group, groupsOf, peerRequests } from "../pictures/cards";
import { shownPins, stepIndex, togglePinned, undrawn } from "../state/choices";
import type { State } from "../state/state";
import { TABS } from "../tabs/index";
import type { Page, Tab } from "../tabs/tab";
import { renderAbsence } from "./absence";
import { LastingStore } from "./lasting_store";
import { renderMissing } from "./missing";
import { renderNotes } from "./notes";
import { onceAFrame } from "./once_a_frame";
import { renderScaleBars } from "./scale_bars";
import { type Shown, shownOf } from "./shown";
import { type ListItem, runItems, tagItems } from "./sidebar_items";
import { Sources } from "./sources";
import "../components/controls/how_to_log";
import "../components/controls/message";
import "./play_button";
import "./sidebar";
import "./step_slider";
import "./tab_bar";
import "./tips";

const NO_MARKS: ReadonlyMap<number, string> = new Map();

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
  private readonly store = new LastingStore();
  /** Draws answers together that arrive one after the other, such as the flows of many runs. */
  private readonly sources = new Sources(onceAFrame(() => this.requestUpdate()));
  /** The channels that are drawn where the user pinned none. */
  private automaticPins: number[] = [];
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
    this.store.subscribe(() => this.requestUpdate());
    watchDarkMode((dark) => {
      this.dark = dark;
      document.documentElement.classList.toggle("dark", dark);
    });
    watchReloads(() => this.reload());
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
      this.sources.scalars.reload();
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

  private retry(): void {
    this.sources.retry();
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

  private readonly showMore = (): void => {
    this.asked++;
    this.requestUpdate();
  };

  override render() {
    const { tags } = this;
    if (!tags) {
      return this.problem
        ? html`<rg-message heading="The list of runs could not be loaded" .retry=${true}>${this.problem}</rg-message>`
        : html`<rg-message heading="Loading …" .busy=${true}></rg-message>`;
    }
    const { state } = this.store;
    showSizes(state.sizes);
    const tab = TABS[state.view];
    const shown = shownOf(state, tags, tab, this.asked);
    return html`
      ${this.renderSidebar(tags, state, tab, shown)}
      <rg-tips></rg-tips>
      <main>
        <h1 class="unseen">RNN Gradients</h1>
        ${
          Object.keys(tags).length === 0
            ? html`<rg-message heading="No recurrent gradients are logged here yet">
                No run in this log directory holds data of tb_rnngrad.
                <rg-how-to-log></rg-how-to-log>
              </rg-message>`
            : this.renderTab(this.page(shown.series, tags, tab), tags, tab, shown)
        }
      </main>
    `;
  }

  private page(shown: Series[], tags: Tags, tab: Tab): Page {
    const { state } = this.store;
    const { tensors, flows, histograms, scalars, cards } = this.sources;
    const drawn = drawnRuns(tags, tab.draws);
    const statistics = tab.statistics?.(state);
    const steps = unionSteps(shown, (series) => {
      const loaded = statistics && flows.get(series, statistics);
      return loaded?.status === "ready" ? loaded.answer.steps : series.entry.steps;
    });
    return {
      state,
      series: shown,
      steps,
      step: steps[stepIndex(steps, state.step)],
      drawnRuns: orderedRuns(tags).filter((run) => drawn.has(run)),
      cursor: this.cursor,
      dark: this.dark,
      cards,
      colourOf: (run) => runColour(run, this.knownRuns, this.dark),
      peek: (request) => tensors.peek(request),
      flowOf: (series, statistics) => flows.get(series, statistics),
      histogramOf: (request) => histograms.get(request),
      listScalars: () => scalars.list(),
      scalarsOf: (tag) => scalars.get(tag),
      pinsOf: (drawn) => this.pinsOf(drawn),
      isPinned: (series) => state.pinned.some((name) => isNamed(series, name)),
    };
  }

  private pinsOf(tensors: readonly Tensor[]): number[] {
    const { state } = this.store;
    const pins = shownPins(state, tensors);
    if (!state.pins) this.automaticPins = pins;
    return pins;
  }

  private renderSidebar(tags: Tags, state: State, { draws }: Tab, shown: Shown) {
    const { knownRuns, dark } = this;
    const { runs } = shown;
    const runsListed = this.runItems.of([tags, knownRuns, dark, runs.join("\n")], () =>
      runItems(tags, knownRuns, runs, (run) => runColour(run, knownRuns, dark)),
    );
    const tagsListed = this.tagItems.of([tags, draws, shown.tags.join("\n")], () =>
      tagItems(tags, shown.tags, draws),
    );
    return html`<rg-sidebar
      role="complementary" aria-label="Runs and tags" .runItems=${runsListed} .tagItems=${tagsListed} .runs=${runs}
      .tags=${shown.tags} .others=${undrawn(state, tags, runs, draws)} .runFilter=${state.runFilter} .tagFilter=${state.tagFilter}
    ></rg-sidebar>`;
  }

  private renderTab(page: Page, tags: Tags, tab: Tab, shown: Shown) {
    const { state, steps, series } = page;
    const cards = steps.length ? tab.cards(page) : [];
    const more = this.sources.fetch(page, cards, tags, tab);
    const groups = this.groups(page, cards, tags, tab);
    const known = everyRun(tags, this.knownRuns);
    return html`
      ${this.renderTop(page, cards, groups, tab)}
      <div class="content" role="tabpanel" aria-labelledby="view">
        <h2 id="view" class="unseen">${tab.name}</h2>
        ${this.problem ? html`<rg-message heading="TensorBoard's new data could not be listed" .retry=${true}>${this.problem}</rg-message>` : nothing}
        ${renderNotes(shown, state, tags, tab, this.showMore)}
        ${renderMissing(page, cards, more)}
        ${steps.length ? tab.render(page, cards, groups) : nothing}
        ${renderAbsence({ tags, known, runs: shown.runs, chosenTags: shown.tags, series, tab })}
      </div>
    `;
  }

  private groups({ state, step, flowOf }: Page, cards: Card[], tags: Tags, tab: Tab): Group[] {
    const drawn = this.sources.cards;
    return groupsOf(cards, {
      state: { ...state, show: tab.show ?? state.show },
      drawnBy: (card) => drawn.drawnBy(card),
      flowOf,
      peersOf: (of) => peerRequests(of, tags, step).flatMap((request) => drawn.ready(request) ?? []),
    });
  }

  private renderTop(page: Page, cards: readonly Card[], groups: readonly Group[], tab: Tab) {
    const { state } = page;
    const shown = tab.controls(state);
    return html`
      <div class="top">
        <rg-tab-bar view=${state.view} .link=${() => this.store.link}></rg-tab-bar>
        ${page.steps.length && shown.includes("steps") ? this.renderSteps(page, cards, tab) : nothing}
        ${renderScaleBars(page, cards, groups, shown)}
      </div>
    `;
  }

  private renderSteps(page: Page, cards: readonly Card[], tab: Tab) {
    const { steps, state } = page;
    const logged = this.sources.logged.of(page.series);
    return html`<div class="steps">
      <rg-step-slider .steps=${steps} .step=${state.step} .logged=${logged} .marks=${tab.marks?.(page) ?? NO_MARKS}></rg-step-slider>
      <rg-play-button
        .steps=${steps} .step=${state.step} .speed=${state.speed} .loop=${state.loop}
        .waiting=${cards.some(({ loaded }) => loaded.status === "loading")}
      ></rg-play-button>
    </div>`;
  }
}

customElements.define("rnngrad-app", RnngradApp);
