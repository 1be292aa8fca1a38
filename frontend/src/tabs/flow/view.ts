import { css, html, LitElement, nothing } from "lit";
import { makeScale, type Scale, union } from "../../colour/scale";
import { emit, type FlowPoint } from "../../components/base/events";
import { byValue } from "../../components/base/memo";
import { controls, tabContent } from "../../components/base/theme";
import { HELP } from "../../components/controls/help";
import { hasLags, tagWords } from "../../data/parts";
import type { Loaded } from "../../data/resource";
import type { Flow, Tensor } from "../../data/types";
import type { Exports } from "../../export/menu";
import { boundaries, type FlowAxis, horizonRows } from "../../maths/flow/flow";
import { flowMap, ratioMap, relativeMap } from "../../maths/flow/map";
import { flowNotice } from "../../maths/flow/notice";
import { drawnStatistic, type FlowStatistic, RELATIVE, unloggedOf } from "../../maths/flow/statistics";
import { type Drawn, directionOf, type FlowCard } from "../../pictures/flow_cards";
import { comparedSeries } from "../../state/choices";
import type { State } from "../../state/state";
import "../../components/controls/colour_bar";
import type { RgFlowCard } from "./card";
import "./card";
import "../../components/flow/training_curves";
import { ofFlow, ofRatio } from "./export";
import type { RgFlowMap } from "./map";
import "./map";
import "./step_profile";
import { heatmapHeight } from "../../components/heatmap/heatmap";
import "../../components/controls/message";
import { renderNotices } from "../../components/flow/notices";
import type { Series } from "../../data/series";
import { extentOf, mapFor } from "../../pictures/scales";

/** The least share of a step's largest value that maps distinguish. */
const LEAST_SHARE = 1e-4;

interface Maps {
  axis: FlowAxis;
  of: FlowStatistic;
  absolute: Tensor;
  relative: Tensor;
}

/** Shows how far back the gradient reaches over the whole training: maps, the slider's step, and metrics. */
export class RgFlowView extends LitElement {
  static override properties = {
    cards: { attribute: false },
    state: { attribute: false },
    step: { type: Number },
    dark: { type: Boolean },
    point: { ...byValue, state: true },
  };
  static override styles = [
    controls,
    tabContent,
    css`
      :host { display: flex; flex-direction: column; gap: 12px; }
      .row { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 16px; }
    `,
  ];

  declare cards: FlowCard[];
  declare state: State;
  /** The slider's step. */
  declare step: number;
  declare dark: boolean;
  declare point: FlowPoint | null;

  private readonly maps = new WeakMap<Flow, Maps>();
  private ratio: { of: unknown[]; picture: Tensor } | null = null;

  constructor() {
    super();
    this.point = null;
    this.addEventListener("rg-flow-point", (event) => {
      this.point = event.detail;
    });
  }

  override render() {
    const drawn = this.cards.flatMap((card) => this.draw(card));
    const judged = drawn.filter(({ series }) => hasLags(series.entry));
    const { scale: name, limit } = this.of;
    const absolute = makeScale(union(drawn.map((one) => extentOf(one.absolute))), {
      name,
      signed: false,
      limit,
      threshold: null,
    });
    const scale = this.relative ? relativeScale(drawn) : absolute;
    const { flowShow, flowAxis, bptt, flowWindow } = this.state;
    return html`
      ${flowShow === "difference" && this.cards.length > 1 ? this.renderRatio(drawn) : this.renderMaps(drawn, scale)}
      ${
        drawn.length
          ? html`
            <rg-flow-now
              .drawn=${drawn} .axis=${flowAxis} .of=${this.of} .scale=${absolute} .step=${this.step} .bptt=${bptt} .window=${flowWindow}
              .point=${this.point} .dark=${this.dark}
            ></rg-flow-now>
            ${
              judged.length
                ? html`<rg-flow-curves .cards=${judged} .state=${this.state} .window=${flowWindow} .point=${this.point} .dark=${this.dark}></rg-flow-curves>`
                : nothing
            }`
          : nothing
      }
    `;
  }

  private get of(): FlowStatistic {
    return drawnStatistic(this.state.flowOf, this.state.flowAxis);
  }

  /** Whether maps are relative to each step's largest value. */
  private get relative(): boolean {
    return this.state.flowRelative && this.of.sized;
  }

  private draw(card: FlowCard): Drawn[] {
    const { history, series } = card;
    if (!history) return [];
    const { of } = this;
    const axis = this.state.flowAxis;
    let known = this.maps.get(history.flow);
    if (known?.axis !== axis || known.of !== of) {
      const absolute = flowMap(history.flow, axis, of, series.run, series.tag);
      known = { axis, of, absolute, relative: of.sized ? relativeMap(absolute) : absolute };
    }
    this.maps.set(history.flow, known);
    const { absolute, relative } = known;
    return [{ ...card, history, absolute, picture: this.relative ? relative : absolute }];
  }

  private renderMaps(drawn: Drawn[], scale: Scale) {
    const { flowAxis } = this.state;
    return html`
      <div class="row">
        <rg-colour-bar .scale=${scale} map="viridis" .legend=${true} label=${this.of.what + (this.of.sized ? `; ${this.relative ? RELATIVE : "absolute"}` : "")}></rg-colour-bar>
        ${this.renderReset()}
      </div>
      <div class="cards">${this.cards.map((card) => {
        const found = drawn.find(({ series }) => series === card.series);
        const lacking = found ? unloggedOf(found.history.flow, flowAxis, this.of) : [];
        if (lacking.length)
          return this.renderCard(card, () => html`<p>The log does not hold ${lacking.join(", ")}.</p>`);
        return this.renderCard(
          card,
          found
            ? (tall) =>
                this.renderMap(
                  found,
                  {
                    picture: found.picture,
                    line: horizonRows(
                      found.history.flow,
                      flowAxis,
                      found.history.horizon.p50,
                      directionOf(card.series),
                    ),
                    flagged: true,
                    what: this.of.name,
                    scale,
                    map: "viridis",
                  },
                  tall,
                )
            : () => renderMissing(card.loaded),
          found && ofFlow(found, this.of, this.state, scale, () => this.mapOf(card.series)),
        );
      })}</div>
    `;
  }

  private renderReset() {
    if (!this.state.flowWindow) return nothing;
    return html`<button title="Show everything (double-click, or 0 in a map)" @click=${() =>
      emit(this, "rg-set", { flowWindow: null })}>Reset zoom</button>`;
  }

  private renderCard(
    { series, colour, loaded, history }: FlowCard,
    map: RgFlowCard["body"],
    exports?: Exports,
  ) {
    const { tag, entry } = series;
    const notice = loaded.status === "ready" ? flowNotice(loaded.answer) : "";
    const body = (tall: number) => html`
      ${notice ? html`<p role="status">${notice}</p>` : nothing}
      ${hasLags(entry) ? nothing : this.renderWhole(series)}
      ${hasLags(entry) || this.state.flowAxis === "timestep" ? map(tall) : nothing}
    `;
    return html`<rg-flow-card
      heading=${series.run} colour=${colour} .about=${`${tagWords(tag, entry)} · ${entry.metadata.title}`} .exports=${exports} .body=${body}
      .natural=${heatmapHeight(history?.flow.timesteps ?? 0)}
    ></rg-flow-card>`;
  }

  /** For a record whose parts have orders of their own: buttons that lead to the parts. */
  private renderWhole({ run, tag, entry: { parts } }: Series) {
    if (!parts)
      return html`<p>It is the sum of two directions, which end at different timesteps: it has no lags.</p>`;
    const open = (shown: readonly string[]) =>
      emit(this, "rg-set", { alone: shown.map((part): [string, string] => [run, part]) });
    return html`<p>
      Its directions or cells work in orders of their own, so lags, horizon and flags are theirs:
      ${parts.map((part) => html`<button class="link" aria-description=${HELP.parts} @click=${() => open([part])}>${part.slice(tag.length + 1)}</button>, `)}
      <button class="link" aria-description=${HELP.parts} @click=${() => open(parts)}>all of them</button>
    </p>`;
  }

  /** The map of a series; without a series, the only map there is. */
  private mapOf(series?: Series): RgFlowMap | null {
    const cards = [...this.renderRoot.querySelectorAll<RgFlowCard>("rg-flow-card")];
    const maps = cards.flatMap((card) => card.renderRoot.querySelector<RgFlowMap>("rg-flow-map") ?? []);
    const history = series && this.cards.find((card) => card.series === series)?.history;
    return (history ? maps.find((map) => map.history === history) : maps[0]) ?? null;
  }

  private renderRatio(drawn: Drawn[]) {
    const pair = comparedSeries(
      this.state,
      this.cards.map(({ series }) => series),
    );
    const [a, b] = pair.map((series) => drawn.find((one) => one.series === series));
    if (!a || !b) {
      const missing = this.cards.filter(({ series, history }) => pair.includes(series) && !history);
      return html`${missing.map(({ loaded }) => renderMissing(loaded))}`;
    }
    const picture = this.ratioOf(a, b);
    const scale = makeScale(extentOf(picture), {
      name: "linear",
      signed: true,
      limit: null,
      threshold: null,
    });
    const map = mapFor(scale, null, this.dark);
    return html`
      <div class="row">
        <rg-colour-bar .scale=${scale} .map=${map} .legend=${true} label="decades, above 0: A is larger"></rg-colour-bar>
        ${this.renderReset()}
      </div>
      <rg-flow-card
        heading="log₁₀ A / B: ${this.of.name}" colour="" .exports=${ofRatio([a, b], picture, this.of, this.state, scale, () => this.mapOf())}
        .about=${`A: ${a.series.run}, ${a.series.tag} · B: ${b.series.run}, ${b.series.tag}, at its nearest logged steps`}
        .natural=${heatmapHeight(picture.channels)}
        .body=${(tall: number) => html`${renderNotices([a, b])} ${this.renderMap(a, { picture, line: null, flagged: false, what: "decades", scale, map }, tall)}`}
      ></rg-flow-card>
    `;
  }

  private ratioOf(a: Drawn, b: Drawn): Tensor {
    const axis = this.state.flowAxis;
    const of = [a.history.flow, b.history.flow, axis, this.of];
    if (!this.ratio || of.some((part, i) => part !== this.ratio?.of[i])) {
      const { run, tag } = a.series;
      this.ratio = { of, picture: ratioMap(a.history.flow, b.history.flow, axis, this.of, run, tag) };
    }
    return this.ratio.picture;
  }

  private renderMap(
    { history, series, absolute }: Drawn,
    look: {
      picture: Tensor;
      line: (number | null)[] | null;
      flagged: boolean;
      what: string;
      scale: Scale;
      map: string;
    },
    tall: number,
  ) {
    const { flowAxis, bptt, flowWindow } = this.state;
    return html`<rg-flow-map
      .history=${history} .lagless=${!hasLags(series.entry)} .picture=${look.picture} .absolute=${look.flagged && this.relative ? absolute : null} .tall=${tall} .line=${look.line} .flagged=${look.flagged} .what=${look.what}
      .scale=${look.scale} .map=${look.map} .axis=${flowAxis} .step=${this.step} .point=${this.point} .window=${flowWindow}
      .boundaries=${boundaries(bptt, history.flow.timesteps, flowAxis)}
    ></rg-flow-map>`;
  }
}

/**
 * The scale of relative maps. It goes down to the least value but at most a few decades, which shows a
 * trained network's fading.
 */
function relativeScale(drawn: readonly Drawn[]): Scale {
  const extent = union(drawn.map(({ picture }) => extentOf(picture)));
  const threshold = Math.max(LEAST_SHARE, extent.small || 0);
  return makeScale(extent, { name: "log", signed: false, limit: 1, threshold });
}

function renderMissing(loaded: Loaded<Flow>) {
  return loaded.status === "error"
    ? html`<rg-message heading="The flow could not be loaded" .retry=${true}>${loaded.message}</rg-message>`
    : html`<rg-message heading="Loading …" .busy=${true}></rg-message>`;
}

customElements.define("rg-flow-view", RgFlowView);
