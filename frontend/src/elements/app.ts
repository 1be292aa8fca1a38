import { css, html, LitElement, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import {
  allTags,
  channelName,
  orderedRuns,
  type Series,
  shownPins,
  shownRuns,
  shownSeries,
  shownTags,
  stepIndex,
  unionSteps,
} from "../choices";
import { copyText } from "../clipboard";
import type { Scale } from "../colour/scale";
import { fetchRuns, fetchTags } from "../data/api";
import { Flows } from "../data/flows";
import { type Loaded, Loader } from "../data/loader";
import type { Window } from "../data/pool";
import type { Show, Tags, Tensor, TensorRequest } from "../data/types";
import {
  curve,
  curveRequest,
  detailFor,
  extentOf,
  isDiverging,
  isRaw,
  isSigned,
  isWhole,
  mapFor,
  requestFor,
  scaleFor,
  showsOf,
} from "../model";
import { keepSettings, keptSettings } from "../settings";
import { type SeriesName, type State, Store, VIEWS, type View } from "../state";
import {
  hostLink,
  readHostHash,
  runColour,
  watchDarkMode,
  watchReloads,
  writeHostHash,
} from "../tensorboard";
import { readHash, writeHash } from "../url";
import { extentOverSteps } from "../views/flow";
import type { Line } from "./curve";
import type { Cursor } from "./events";
import { controls } from "./theme";
import "./card";
import "./checklist";
import "./colour_bar";
import "./compare_bar";
import "./curve";
import "./difference";
import "./flow_view";
import "./how_to_log";
import "./message";
import "./play_button";
import "./scatter";
import "./step_slider";
import "./toolbar";

/** Of so many pictures the neighbouring steps are fetched ahead. */
const PREFETCHED_CARDS = 8;
/** Browsers refuse more than a few changes of the URL a second: a dragged slider writes it at rest. */
const MIRROR_MILLISECONDS = 100;
const DASHES: number[][] = [[], [6, 4], [2, 3], [8, 3, 2, 3]];

/** One picture with what is known of it. */
interface Card {
  series: Series;
  request: TensorRequest;
  loaded: Loaded;
  /** What to draw: what was drawn last stays, under its own step, until the next is there. */
  shown: Tensor | null;
}

/** Pictures of one quantity, which have one scale. */
interface Group {
  quantity: string;
  title: string;
  cards: Card[];
}

type ScaledGroup = Group & { scale: Scale };

const VIEW_NAMES: Record<View, string> = { heatmap: "Heatmap", flow: "Flow", compare: "Compare" };

/** The page: it owns the state and the data, and hands both down; elements answer with events. */
export class RnngradApp extends LitElement {
  static override properties = {
    tags: { state: true },
    problem: { state: true },
    cursor: { state: true },
    dark: { state: true },
    copied: { state: true },
  };
  static override styles = [
    controls,
    css`
      :host { display: flex; height: 100vh; overflow: hidden; background: var(--rg-page); }
      aside {
        width: 250px; flex: none; display: flex; flex-direction: column; gap: 16px; padding: 12px;
        border-right: 1px solid var(--rg-border); background: var(--rg-background); min-height: 0;
      }
      aside rg-checklist { flex: 0 1 auto; max-height: 60%; }
      main { flex: 1; min-width: 0; display: flex; flex-direction: column; }
      .top { padding: 10px 16px; display: flex; flex-direction: column; gap: 8px; background: var(--rg-background); border-bottom: 1px solid var(--rg-border); }
      .bar { display: flex; justify-content: space-between; margin-top: -10px; border-bottom: 1px solid var(--rg-border); }
      nav { display: flex; gap: 4px; }
      nav button { border: 0; border-radius: 0; border-bottom: 2px solid transparent; height: 36px; padding: 0 12px; background: none; }
      nav button[aria-selected="true"] { border-color: var(--rg-accent); color: var(--rg-accent-text); font-weight: 500; }
      .steps { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 16px; }
      .steps rg-step-slider { flex: 1 1 420px; }
      .content { flex: 1; overflow-y: auto; padding: 12px 16px; }
      .cards { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(min(100%, var(--least, 300px)), 1fr)); }
      section + section { margin-top: 24px; }
      h2.section { font-size: 13px; font-weight: 500; margin: 16px 0 8px; }
      @media (max-width: 760px) {
        :host { flex-direction: column; height: auto; min-height: 100vh; overflow: visible; }
        aside { width: auto; flex-direction: row; border-right: 0; border-bottom: 1px solid var(--rg-border); max-height: 220px; }
        aside rg-checklist { flex: 1 1 0; max-height: none; min-width: 0; }
        .content { overflow: visible; }
      }
    `,
  ];

  declare tags: Tags | null;
  declare problem: string | null;
  declare cursor: Cursor | null;
  declare dark: boolean;
  declare copied: boolean;

  private knownRuns: string[] = [];
  private mirroring: ReturnType<typeof setTimeout> | undefined;
  private readonly lastShown = new Map<string, Tensor>();
  private readonly store = new Store(readHash(readHostHash(), keptSettings(readHostHash())));
  private readonly loader = new Loader(() => this.requestUpdate());
  private readonly flows = new Flows(() => this.requestUpdate());

  constructor() {
    super();
    this.tags = null;
    this.problem = null;
    this.cursor = null;
    this.dark = false;
    this.copied = false;
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
    this.addEventListener("rg-set", (event) => this.store.set(event.detail));
    this.addEventListener("rg-cursor", (event) => this.moveCursor(event.detail));
    this.addEventListener("rg-pin", (event) => this.togglePin(event.detail.c));
    this.addEventListener("rg-retry", () => this.retry());
    void this.reload();
  }

  /** List what there is, anew; the state stays. */
  private async reload(): Promise<void> {
    try {
      const [tags, runs] = await Promise.all([fetchTags(), fetchRuns()]);
      this.knownRuns = runs;
      this.tags = tags;
      this.problem = null;
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
    }
  }

  /** Write the state where it outlives the page. */
  private mirror(): void {
    writeHostHash(writeHash(readHostHash(), this.store.state));
    keepSettings(this.store.state);
  }

  private retry(): void {
    this.loader.retry();
    this.flows.retry();
    this.requestUpdate();
    void this.reload();
  }

  private moveCursor(cursor: Cursor | null): void {
    if (cursor?.t !== this.cursor?.t || cursor?.c !== this.cursor?.c) this.cursor = cursor;
  }

  private togglePin(channel: number): void {
    const pins = shownPins(this.store.state, Number.POSITIVE_INFINITY);
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
    const runs = shownRuns(state, tags, this.knownRuns);
    const chosenTags = shownTags(state, tags, runs);
    const series = shownSeries(tags, runs, chosenTags);
    return html`
      ${this.renderSidebar(tags, state, runs, chosenTags)}
      <main>
        ${
          Object.keys(tags).length === 0
            ? html`<rg-message heading="No recurrent gradients are logged here yet">
                No run in this log directory holds data of tb_rnngrad.
                <rg-how-to-log></rg-how-to-log>
              </rg-message>`
            : this.renderMain(state, tags, runs, series)
        }
      </main>
    `;
  }

  private renderSidebar(tags: Tags, state: State, runs: string[], chosenTags: string[]) {
    const known = new Set([...this.knownRuns, ...orderedRuns(tags, this.knownRuns)]);
    const runItems = [...known].map((name) => ({
      name,
      colour: runColour(name, this.knownRuns, this.dark),
      note: tags[name] ? "" : "no data",
    }));
    const tagItems = allTags(tags, orderedRuns(tags, this.knownRuns)).map((name) => ({ name }));
    return html`
      <aside aria-label="Runs and tags">
        <rg-checklist
          heading="Runs" .items=${runItems} .selected=${runs} .filter=${state.runFilter}
          @select=${(event: CustomEvent<string[]>) => this.store.set({ runs: event.detail })}
          @filter=${(event: CustomEvent<string>) => this.store.set({ runFilter: event.detail })}
        ></rg-checklist>
        <rg-checklist
          heading="Tags" .items=${tagItems} .selected=${chosenTags} .filter=${state.tagFilter}
          @select=${(event: CustomEvent<string[]>) => this.store.set({ tags: event.detail })}
          @filter=${(event: CustomEvent<string>) => this.store.set({ tagFilter: event.detail })}
        ></rg-checklist>
      </aside>
    `;
  }

  private renderMain(state: State, tags: Tags, runs: string[], series: Series[]) {
    const without = runs.filter((run) => !tags[run]);
    const steps = unionSteps(series);
    const step = steps[stepIndex(steps, state.step)];
    const all = steps.length ? this.cardsAt(series, step, state) : [];
    const cards = state.view === "compare" ? this.comparedCards(series, step, state) : all;
    const samples = Math.max(0, ...series.map(({ entry }) => entry.samples));
    this.fetch(cards, steps, state);

    const scales = groupByQuantity(cards).map((group) => ({
      ...group,
      scale: this.sharedScale(group, state),
    }));
    return html`
      <div class="top">
        <div class="bar">
          <nav role="tablist" aria-label="Views">${VIEWS.map((view) => this.renderTab(view, state.view))}</nav>
          <button class="link" @click=${this.onCopyLink}>${this.copied ? "Link copied" : "Copy link"}</button>
        </div>
        ${
          cards.length
            ? html`<div class="steps">
                <rg-step-slider .steps=${steps} .step=${state.step}></rg-step-slider>
                <rg-play-button
                  .steps=${steps} .step=${state.step} .speed=${state.speed} .loop=${state.loop}
                  .waiting=${cards.some(({ loaded }) => loaded.status === "loading")}
                ></rg-play-button>
              </div>`
            : nothing
        }
        ${cards.length && state.view !== "flow" ? this.renderColours(scales, samples, state) : nothing}
      </div>
      <div class="content">
        ${this.problem ? html`<rg-message heading="TensorBoard's new data could not be listed" .retry=${true}>${this.problem}</rg-message>` : nothing}
        ${this.renderNothing(runs, series)}
        ${state.view === "heatmap" ? scales.map((group) => this.renderGroup(group, step, state)) : nothing}
        ${state.view === "flow" && cards.length ? this.renderFlow(cards, step, state) : nothing}
        ${state.view === "compare" && cards.length ? this.renderCompare(cards, scales, series, step, state) : nothing}
        ${this.renderErrors(series)}
        ${
          without.length
            ? html`<rg-message heading=${`No data of tb_rnngrad in ${without.join(", ")}`}>
                ${without.length === 1 ? "This run holds" : "These runs hold"} other data, but no recurrent gradients.
                <rg-how-to-log></rg-how-to-log>
              </rg-message>`
            : nothing
        }
      </div>
    `;
  }

  private async onCopyLink(): Promise<void> {
    await copyText(hostLink(writeHash(readHostHash(), this.store.state)));
    this.copied = true;
    setTimeout(() => {
      this.copied = false;
    }, 2000);
  }

  private renderTab(view: View, shown: View) {
    return html`<button
      role="tab" aria-selected=${view === shown ? "true" : "false"} @click=${() => this.store.set({ view })}
    >${VIEW_NAMES[view]}</button>`;
  }

  private renderColours(scales: ScaledGroup[], samples: number, state: State) {
    const anyDiverging = scales.some(({ scale }) => isDiverging(scale));
    return html`
      <rg-toolbar .state=${state} .samples=${samples} .scale=${scales[0].scale} .diverging=${anyDiverging}>
        ${state.window ? this.renderZoom(state.window) : nothing}
      </rg-toolbar>
      ${scales.map(
        ({ scale, title }, i) => html`<rg-colour-bar
          .scale=${scale} .map=${mapFor(scale, state.map, this.dark)} .legend=${i === 0} .adjustable=${true}
          .label=${title + (scale.name === "log" && isSigned(state.show) ? ", magnitude" : "")}
        ></rg-colour-bar>`,
      )}
    `;
  }

  private renderFlow(cards: Card[], step: number, state: State) {
    const flowCards = [...new Set(cards.map(({ series }) => series))].map((series) => ({
      series,
      colour: runColour(series.run, this.knownRuns, this.dark),
      loaded: this.flows.get(series),
    }));
    return html`<rg-flow-view .cards=${flowCards} .step=${step} .eps=${state.eps} .dark=${this.dark}></rg-flow-view>`;
  }

  /** A, at the slider's step, and B, there too or at a step of its own. */
  private comparedCards(series: Series[], step: number, state: State): Card[] {
    const find = (name: SeriesName | null) =>
      series.find(({ run, tag }) => run === name?.[0] && tag === name[1]);
    const a = find(state.a) ?? series[0];
    const b = find(state.b) ?? series.find((one) => one !== a) ?? a;
    const show = state.show === "samples" ? 0 : state.show;
    const pair = a && [this.card(a, step, show), this.card(b, state.stepB ?? step, show)];
    return pair?.every((card) => card !== null) ? (pair as Card[]) : [];
  }

  private renderCompare([a, b]: Card[], scales: ScaledGroup[], series: Series[], step: number, state: State) {
    const pins = shownPins(state, Math.max(0, ...tensorsOf([a, b]).map(({ channels }) => channels)));
    const scaleOf = (card: Card) =>
      scales.find(({ cards }) => cards.includes(card))?.scale ?? scales[0].scale;
    const exactly = ({ shown }: Card) => this.detail(shown, state) ?? shown;
    return html`
      <rg-compare-bar .series=${series} .a=${a.series} .b=${b.series} .stepB=${state.stepB} .comparison=${state.comparison}></rg-compare-bar>
      <div class="cards">
        ${this.renderCard(a, "A", scaleOf(a), pins, step, state)}
        ${this.renderCard(b, "B", scaleOf(b), pins, state.stepB ?? step, state)}
        <rg-difference
          .series=${a.series} .a=${exactly(a)} .b=${exactly(b)} .comparison=${state.comparison} .chosen=${state.map}
          .window=${state.window} .pins=${pins} .cursor=${this.cursor} .dark=${this.dark}
        ></rg-difference>
      </div>
    `;
  }

  /** Every sample of a record without a time axis. */
  private renderScatter(card: Card, scale: Scale, wanted: number) {
    const { series, request } = card;
    return html`<rg-scatter
      .series=${series} .colour=${runColour(series.run, this.knownRuns, this.dark)} .samples=${this.drawnBy(card)}
      .step=${request.step} .wanted=${wanted} .scale=${scale} .cursor=${this.cursor}
    ></rg-scatter>`;
  }

  /** The views that a card draws, as far as they came. */
  private drawnBy(card: Card): Tensor[] {
    if (!isPoints(card)) return card.shown ? [card.shown] : [];
    return this.pointRequests(card).flatMap((request) => {
      const loaded = this.loader.peek(request);
      return loaded.status === "ready" ? loaded.tensor : [];
    });
  }

  private pointRequests({ request, shown }: Card): TensorRequest[] {
    return Array.from({ length: shown?.kept ?? 0 }, (_, sample) => ({ ...request, show: sample }));
  }

  private renderCard(card: Card, name: string, shared: Scale, pins: number[], wanted: number, state: State) {
    const { series, request, loaded, shown } = card;
    const scale = this.scaleOf(shown, shared, state, series.entry.metadata.quantity);
    return html`<rg-card
      .series=${series} .name=${name} .colour=${runColour(series.run, this.knownRuns, this.dark)}
      .step=${request.step} .wanted=${wanted} .loaded=${loaded} .shown=${shown} .detail=${this.detail(shown, state)}
      .scale=${scale} .map=${mapFor(scale, state.map, this.dark)} .window=${state.window}
      .pins=${pins} .cursor=${this.cursor}
    ></rg-card>`;
  }

  /** The scale of a group: over all steps as their flow says, once it came; else over what is shown. */
  private sharedScale({ cards, quantity }: Group, state: State): Scale {
    const flows = state.range === "steps" ? cards.map(({ series }) => this.flows.get(series)) : [];
    const overSteps = flows.flatMap((loaded) =>
      loaded.status === "ready" ? extentOverSteps(loaded.flow) : [],
    );
    const complete = overSteps.length > 0 && overSteps.length === cards.length && !isRaw(quantity);
    const extents = complete
      ? overSteps
      : cards.flatMap((card) => this.drawnBy(card)).map((tensor) => extentOf(tensor, state.percentile));
    return scaleFor(extents, state, quantity);
  }

  private renderZoom({ c0, c1, t0, t1 }: Window) {
    return html`
      <span class="number">
        timesteps ${t0} to ${t1 - 1}, channels ${c0} to ${c1 - 1}
        <button title="Show everything (double-click, or 0 in a heatmap)" @click=${() => this.store.set({ window: null })}>
          Reset zoom
        </button>
      </span>
    `;
  }

  private renderNothing(runs: string[], series: Series[]) {
    if (runs.length === 0)
      return html`<rg-message heading="No run is selected">Check one on the left.</rg-message>`;
    if (series.length > 0) return nothing;
    return html`<rg-message heading="Nothing to show">The selected runs hold none of the selected tags. Check another tag on the left.</rg-message>`;
  }

  private renderErrors(series: Series[]) {
    return series
      .filter(({ entry }) => entry.error)
      .map(({ run, tag, entry }) => html`<rg-message heading="${run}: ${tag}">${entry.error}</rg-message>`);
  }

  private renderGroup(group: ScaledGroup, step: number, state: State) {
    const channels = Math.max(0, ...tensorsOf(group.cards).map((tensor) => tensor.channels));
    const pins = shownPins(state, channels);
    return html`<section>
      <div class="cards" style=${[2, 4].includes(group.cards.length) ? "--least: 400px" : ""}>
        ${repeat(group.cards, cardKey, (card) =>
          isPoints(card)
            ? this.renderScatter(card, group.scale, step)
            : this.renderCard(card, "", group.scale, pins, step, state),
        )}
      </div>
      ${this.renderCurves(group, pins, state)}
    </section>`;
  }

  private renderCurves(group: { scale: Scale; cards: Card[] }, pins: number[], state: State) {
    if (tensorsOf(group.cards).every(({ timesteps }) => timesteps < 2)) return nothing;
    const groups = group.cards[0].series.entry.metadata.channel_groups;
    const longest = Math.max(...tensorsOf(group.cards).map(({ timesteps }) => timesteps));
    const span = state.window ? [state.window.t0, Math.min(longest, state.window.t1)] : [0, longest];
    return html`
      <h2 class="section">Pinned channels <span class="muted">over timesteps; click a row of a heatmap to pin it</span></h2>
      <div class="cards">
        ${repeat(
          pins,
          (pin) => pin,
          (pin) => html`<rg-curve
            .xs=${null} heading="channel ${channelName(pin, groups)}" .channel=${pin} .lines=${this.lines(group.cards, pin)}
            .scale=${group.scale} .span=${span} .cursor=${this.cursor} .dark=${this.dark}
          ></rg-curve>`,
        )}
      </div>
    `;
  }

  private lines(cards: Card[], channel: number): Line[] {
    const tags = [...new Set(cards.map(({ series }) => series.tag))];
    const several = this.store.state.show === "samples";
    const perRun = (run: string) => [
      ...new Set(cards.filter((c) => c.series.run === run).map((c) => c.series.tag)),
    ];
    return cards.flatMap(({ series, request, shown }) => {
      if (!shown || channel >= shown.channels) return [];
      const tensor = this.inFull(shown, channel);
      if (!tensor) return [];
      const sample = several ? ` sample ${request.show}` : "";
      const pattern = several ? Number(request.show) : perRun(series.run).indexOf(series.tag);
      return {
        label: (tags.length > 1 ? `${series.run} ${series.tag}` : series.run) + sample,
        colour: runColour(series.run, this.knownRuns, this.dark),
        dash: DASHES[pattern % DASHES.length],
        values: curve(tensor, channel),
      };
    });
  }

  private inFull(tensor: Tensor, channel: number): Tensor | null {
    if (isWhole(tensor)) return tensor;
    const loaded = this.loader.peek(curveRequest(tensor, channel));
    return loaded.status === "ready" ? loaded.tensor : null;
  }

  private detail(shown: Tensor | null, state: State): Tensor | null {
    const request = shown && detailFor(shown, state.window);
    const detailed = request ? this.loader.peek(request) : null;
    return detailed?.status === "ready" ? detailed.tensor : null;
  }

  private scaleOf(shown: Tensor | null, shared: Scale, state: State, quantity: string | undefined): Scale {
    if (state.range !== "each" || !shown) return shared;
    return scaleFor([extentOf(shown, state.percentile)], state, quantity);
  }

  private cardsAt(series: Series[], step: number, state: State): Card[] {
    return series.flatMap((one) => {
      return showsOf(state.show, one).flatMap((show) => this.card(one, step, show) ?? []);
    });
  }

  private card(series: Series, step: number, show: Show): Card | null {
    const request = requestFor(series, step, show);
    if (!request) return null;
    const loaded = this.loader.peek(request);
    // Of one series at two steps, each has pictures of its own.
    const key = cardKey({ series, request }) + (step === this.store.state.stepB ? "B" : "");
    if (loaded.status === "ready") this.lastShown.set(key, loaded.tensor);
    return { series, request, loaded, shown: this.lastShown.get(key) ?? null };
  }

  /** Fetch what is shown, then its detail, then the slider's neighbours. */
  private fetch(cards: Card[], steps: number[], state: State): void {
    const ready = tensorsOf(cards);
    const details = ready.flatMap((tensor) => detailFor(tensor, state.window) ?? []);
    const curves = ready
      .filter((tensor) => !isWhole(tensor))
      .flatMap((tensor) => shownPins(state, tensor.channels).map((pin) => curveRequest(tensor, pin)));
    const index = stepIndex(steps, state.step);
    const neighbours = [index + 1, index - 1].filter((i) => i >= 0 && i < steps.length);
    const soon = neighbours.flatMap((i) =>
      cards
        .slice(0, PREFETCHED_CARDS)
        .flatMap(({ series, request }) => requestFor(series, steps[i], request.show) ?? []),
    );
    const points = cards.filter(isPoints).flatMap((card) => this.pointRequests(card));
    this.loader.want([...cards.map(({ request }) => request), ...details, ...curves, ...points], soon);
  }
}

function tensorsOf(cards: readonly Card[]): Tensor[] {
  return cards.flatMap(({ shown }) => shown ?? []);
}

/** Whether a picture has one timestep of several samples: points tell more than a column of colours. */
function isPoints({ series, shown }: Card): boolean {
  const { quantity } = series.entry.metadata;
  return shown?.timesteps === 1 && series.entry.samples > 1 && !quantity?.startsWith("weight");
}

function cardKey({ series, request }: Pick<Card, "series" | "request">): string {
  return JSON.stringify([series.run, series.tag, request.show]);
}

/** Pictures of one quantity have one scale; different quantities differ by orders of magnitude. */
function groupByQuantity(cards: readonly Card[]): Group[] {
  const groups = new Map<string, Card[]>();
  for (const card of cards) {
    const quantity = card.series.entry.metadata.quantity ?? "other";
    groups.set(quantity, [...(groups.get(quantity) ?? []), card]);
  }
  return [...groups].map(([quantity, of]) => ({
    quantity,
    title: of[0].series.entry.metadata.title ?? quantity,
    cards: of,
  }));
}

customElements.define("rnngrad-app", RnngradApp);
