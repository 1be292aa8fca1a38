import { css, html, LitElement, nothing } from "lit";
import { nearestStep, type Series } from "../choices";
import { makeScale, type Scale, union } from "../colour/scale";
import type { MapName } from "../colour/table";
import { exact } from "../colour/ticks";
import type { LoadedFlow } from "../data/flows";
import type { Flow, KeptStep, Tensor } from "../data/types";
import { extentOf } from "../model";
import { flowPicture, type Horizon, horizons, statistic } from "../views/flow";
import type { Line } from "./curve";
import { type Cursor, tell } from "./events";
import { controls, tabContent } from "./theme";
import "./colour_bar";
import "./curve";
import "./heatmap";
import "./message";

export interface FlowCard {
  series: Series;
  colour: string;
  loaded: LoadedFlow;
}

interface Drawn extends FlowCard {
  flow: Flow;
  picture: Tensor;
  horizons: (Horizon | null)[];
}

const MAP: MapName = "viridis";

/**
 * How far back the gradient reaches, over the whole training: norms by training step and timestep, the
 * memory horizon drawn on them and over training, and the norms of the slider's step.
 */
export class RgFlowView extends LitElement {
  static override properties = {
    cards: { attribute: false },
    step: { type: Number },
    eps: { type: Number },
    dark: { type: Boolean },
    cursor: { state: true },
  };
  static override styles = [
    controls,
    tabContent,
    css`
      :host { display: flex; flex-direction: column; gap: 12px; }
      .row { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 24px; }
      article { min-width: 0; background: var(--rg-raised); border: 1px solid var(--rg-border); border-radius: 4px; padding: 10px 12px; }
      header { display: flex; align-items: baseline; gap: 8px; }
      h3 { font-size: 13px; font-weight: 500; margin: 0; overflow-wrap: anywhere; }
      p { margin: 0; font-size: 12px; }
      .swatch { width: 10px; height: 10px; border-radius: 50%; align-self: center; flex: none; }
      .readout { min-height: 20px; font-size: 12px; }
      input { width: 76px; }
    `,
  ];

  declare cards: FlowCard[];
  /** The slider's step. */
  declare step: number;
  declare eps: number;
  declare dark: boolean;
  /** Where the pointer is, as a step and a timestep: the maps' columns are steps. */
  declare cursor: { step: number; timestep: number } | null;

  private readonly pictures = new WeakMap<Flow, Tensor>();

  constructor() {
    super();
    this.cursor = null;
  }

  override render() {
    const drawn = this.cards.flatMap((card) => this.draw(card));
    const scale = makeScale(union(drawn.map(({ picture }) => extentOf(picture))), {
      name: "log",
      signed: false,
      limit: null,
      threshold: null,
    });
    return html`
      <div class="row">
        <rg-colour-bar .scale=${scale} .map=${MAP} .legend=${true} label="mean norm over channels"></rg-colour-bar>
        <span>
          <label for="eps">Horizon at</label>
          <input id="eps" type="number" min="0.000001" max="1" step="any" .value=${String(this.eps)} @change=${this.onEps}
            title="The memory horizon: the largest lag at which the norm is at least this share of the largest norm"
          /> <span class="muted">of the largest norm</span>
        </span>
      </div>
      <div class="cards">${this.cards.map((card) => this.renderCard(card, scale, drawn))}</div>
      ${drawn.length ? this.renderCurves(drawn, scale) : nothing}
    `;
  }

  private draw(card: FlowCard): Drawn[] {
    if (card.loaded.status !== "ready") return [];
    const { flow } = card.loaded;
    const { run, tag } = card.series;
    const picture = this.pictures.get(flow) ?? flowPicture(flow, run, tag);
    this.pictures.set(flow, picture);
    return [{ ...card, flow, picture, horizons: horizons(flow, this.eps) }];
  }

  private renderCard(card: FlowCard, scale: Scale, drawn: Drawn[]) {
    const { run, tag, entry } = card.series;
    const found = drawn.find(({ series }) => series === card.series);
    return html`
      <article>
        <header><span class="swatch" style="background:${card.colour}"></span><h3>${run}</h3></header>
        <p class="muted">${tag} · ${entry.metadata.title}</p>
        ${found ? this.renderMap(found, scale) : renderMissing(card.loaded)}
      </article>
    `;
  }

  private renderMap(drawn: Drawn, scale: Scale) {
    const { flow, picture } = drawn;
    const shown = indexOf(flow, this.step);
    const cursor = this.cursor && { t: indexOf(flow, this.cursor.step), c: this.cursor.timestep };
    return html`
      <rg-heatmap
        .tensor=${picture} .scale=${scale} .map=${MAP} .window=${picture.values.window} .groups=${null} .pins=${[]}
        .axes=${{ timesteps: "training step", channels: "timestep" }} .marginals=${false} .cursor=${cursor}
        .columnNames=${flow.steps.map(([step]) => step)} .mark=${shown}
        .line=${drawn.horizons.map((found) => found?.timestep ?? null)}
        @rg-cursor=${(event: CustomEvent<Cursor | null>) => this.onCursor(event, flow)}
        @rg-pin=${(event: CustomEvent<{ t: number }>) => this.onChoose(event, flow)}
        @rg-set=${(event: Event) => event.stopPropagation()}
      ></rg-heatmap>
      <div class="readout number">${this.renderReadout(drawn, shown)}</div>
    `;
  }

  private renderReadout({ flow, horizons, picture }: Drawn, shown: number) {
    const index = this.cursor ? indexOf(flow, this.cursor.step) : shown;
    const found = horizons[index];
    const reach = found ? `horizon: lag ${found.lag}, timestep ${found.timestep}` : "no gradient";
    const timestep = this.cursor?.timestep;
    if (timestep === undefined || timestep >= flow.timesteps) {
      return html`<span class="muted">step ${flow.steps[index][0]}, ${reach}. Click a step to go there.</span>`;
    }
    const norm = picture.values.values[timestep * flow.steps.length + index];
    return html`<b>${exact(norm)}</b>
      <span class="muted">norm at step ${flow.steps[index][0]}, timestep ${timestep}; ${reach}</span>`;
  }

  private renderCurves(drawn: Drawn[], scale: Scale) {
    const longest = Math.max(...drawn.map(({ flow }) => flow.timesteps));
    const steps = [...new Set(drawn.flatMap(({ flow }) => flow.steps.map(([step]) => step)))].sort(
      (a, b) => a - b,
    );
    const most = Math.max(1, ...drawn.flatMap(({ horizons }) => horizons.map((found) => found?.lag ?? 0)));
    const linear: Scale = { name: "linear", low: 0, high: most, threshold: most / 2 };
    const at = this.cursor && steps.indexOf(this.cursor.step);
    return html`
      <div class="cards" style="--least: 400px">
        <rg-curve
          heading="Norm at step ${this.step} against timestep" .channel=${null} .lines=${drawn.map((one) => this.normLine(one))}
          .scale=${scale} .span=${[0, longest]} .xs=${null} .dark=${this.dark}
          .cursor=${this.cursor && { t: this.cursor.timestep, c: null }}
          @rg-cursor=${(event: CustomEvent<Cursor | null>) => {
            event.stopPropagation();
            this.cursor = event.detail && { step: this.step, timestep: event.detail.t };
          }}
        ></rg-curve>
        <rg-curve
          heading="Memory horizon (lag) over training" .channel=${null} .lines=${drawn.map((one) => horizonLine(one, steps))}
          .scale=${linear} .span=${[0, steps.length]} .xs=${steps} .dark=${this.dark}
          .cursor=${at === null || at < 0 ? null : { t: at, c: null }}
          @rg-cursor=${(event: CustomEvent<Cursor | null>) => {
            event.stopPropagation();
            this.cursor = event.detail && { step: steps[event.detail.t], timestep: Number.POSITIVE_INFINITY };
          }}
        ></rg-curve>
      </div>
    `;
  }

  private normLine({ flow, series, colour }: Drawn): Line {
    const from = indexOf(flow, this.step) * flow.timesteps;
    const norms = statistic(flow, "norm_mean").subarray(from, from + flow.timesteps);
    const values = Array.from(norms, (norm) => (Number.isFinite(norm) ? norm : null));
    return { label: series.run, colour, dash: [], values };
  }

  private onCursor(event: CustomEvent<Cursor | null>, flow: Flow): void {
    event.stopPropagation();
    const { detail } = event;
    this.cursor = detail?.c == null ? null : { step: flow.steps[detail.t][0], timestep: detail.c };
  }

  private onChoose(event: CustomEvent<{ t: number }>, flow: Flow): void {
    event.stopPropagation();
    tell(this, "rg-set", { step: flow.steps[event.detail.t][0] });
  }

  private onEps(event: Event): void {
    const input = event.target as HTMLInputElement;
    const eps = input.valueAsNumber;
    if (eps > 0 && eps <= 1) tell(this, "rg-set", { eps });
    input.value = String(this.eps);
  }
}

function indexOf(flow: Flow, step: number): number {
  return flow.steps.indexOf(nearestStep(flow.steps, step) as KeptStep);
}

function horizonLine({ flow, series, colour, horizons }: Drawn, steps: number[]): Line {
  const lags = new Map(flow.steps.map(([step], i) => [step, horizons[i]?.lag ?? null]));
  return { label: series.run, colour, dash: [], values: steps.map((step) => lags.get(step) ?? null) };
}

function renderMissing(loaded: LoadedFlow) {
  return loaded.status === "error"
    ? html`<rg-message heading="The flow could not be loaded" .retry=${true}>${loaded.message}</rg-message>`
    : html`<rg-message heading="Loading …" .busy=${true}></rg-message>`;
}

customElements.define("rg-flow-view", RgFlowView);
