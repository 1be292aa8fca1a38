import { css, html, LitElement } from "lit";
import { PADDING } from "../../colour/bfloat16";
import type { Scale } from "../../colour/scale";
import type { MapName } from "../../colour/table";
import { exact, short } from "../../colour/ticks";
import { type Cursor, emit, type FlowPoint } from "../../components/base/events";
import { LiveReadout } from "../../components/base/live_readout";
import { controls } from "../../components/base/theme";
import type { RgHeatmap } from "../../components/heatmap/heatmap";
import type { Tensor } from "../../data/types";
import type { Window } from "../../data/window";
import type { Pictured } from "../../export/menu";
import type { FlowAxis } from "../../maths/flow/flow";
import type { FlowHistory } from "../../maths/flow/history";
import { columnsIn, stepsIn } from "../../maths/flow/map";
import { flagColour, flagWords } from "../../pictures/flow_cards";
import "../../components/heatmap/heatmap";
import { indexOf } from "../../maths/flow/flow";

/** A picture of training steps by timesteps or lags, with the horizon and flags of its history. */
export class RgFlowMap extends LitElement implements Pictured {
  static override properties = {
    history: { attribute: false },
    picture: { attribute: false },
    absolute: { attribute: false },
    tall: { type: Number },
    line: { attribute: false },
    flagged: { type: Boolean },
    lagless: { type: Boolean },
    what: { type: String },
    scale: { attribute: false },
    map: { type: String },
    axis: { type: String },
    boundaries: { attribute: false },
    window: { attribute: false },
    step: { type: Number },
    point: { attribute: false },
  };
  static override styles = [
    controls,
    css`
      :host { display: block; min-width: 0; }
      .readout { min-height: 20px; font-size: 12px; }
      b { font-weight: 500; }
    `,
  ];

  /** The history, whose steps are the picture's columns. */
  declare history: FlowHistory;
  declare picture: Tensor;
  /** The values themselves, if the picture is relative to each step's largest; else null. */
  declare absolute: Tensor | null;
  /** The height of its cells in pixels; 0 for as much as they need. */
  declare tall: number;
  /** The horizon's row at each step; null if no horizon is drawn. */
  declare line: (number | null)[] | null;
  /** Whether to mark steps with flags. */
  declare flagged: boolean;
  /** Whether it has no lags, and so no horizon. */
  declare lagless: boolean;
  /** What a cell holds, in words. */
  declare what: string;
  declare scale: Scale;
  declare map: MapName;
  declare axis: FlowAxis;
  declare boundaries: number[];
  /** The visible rows and training steps; null for everything. */
  declare window: Window | null;
  /** The slider's step. */
  declare step: number;
  declare point: FlowPoint | null;

  private readonly spoken = new LiveReadout(this);

  override render() {
    const { flow, flags } = this.history;
    const shown = indexOf(flow, this.step);
    const cursor = this.point?.step == null ? null : { t: indexOf(flow, this.point.step), c: this.point.row };
    const strip = this.flagged ? flags.map(([worst]) => (worst ? flagColour(worst) : null)) : undefined;
    return html`
      <rg-heatmap
        .tensor=${this.picture} .scale=${this.scale} .map=${this.map} .window=${columnsIn(flow, this.picture.channels, this.window)}
        .tall=${this.tall} .groups=${null} .pins=${[]} .axes=${{ timesteps: "training step", channels: this.axis, numbers: flow.steps.map(([step]) => step) }} .marginals=${false}
        .cursor=${cursor} .mark=${shown}
        .line=${this.line ?? undefined} .strip=${strip} .boundaries=${{ c: this.boundaries }}
        @rg-cursor=${this.onCursor} @rg-pin=${this.onChoose} @rg-set=${this.onZoom}
      ></rg-heatmap>
      <div class="readout number" aria-live=${this.spoken.live}>${this.renderReadout(cursor?.t ?? shown)}</div>
    `;
  }

  asSvg(caption: string): string {
    return (this.renderRoot.querySelector("rg-heatmap") as RgHeatmap).asSvg(caption);
  }

  private renderReadout(index: number) {
    const { flow, horizon, flags } = this.history;
    const row = this.point?.row ?? null;
    const reach = Number.isNaN(horizon.p50[index]) ? "no horizon" : `horizon: lag ${horizon.p50[index]}`;
    const judged = [...(this.lagless ? [] : [reach]), flagWords(flags[index])];
    const words = this.flagged ? judged.join("; ") : "";
    const step = `step ${flow.steps[index][0]}`;
    if (row === null || row >= this.picture.channels) {
      return html`<span class="muted">${[step, words].filter(Boolean).join(", ")}. Click a step to go there.</span>`;
    }
    const cell = row * flow.steps.length + index;
    const { values, codes } = this.absolute ?? this.picture;
    const isPadding = codes.values[cell] === PADDING;
    const said = isPadding ? "padding" : exact(values.values[cell]);
    const share = this.picture.values.values[cell];
    const relative =
      this.absolute && Number.isFinite(share) && !isPadding
        ? ` = ${short(share)} of the step's largest,`
        : "";
    return html`<b>${said}</b>${relative}
      <span class="muted">${this.what} at ${step}, ${this.axis} ${row}${words ? `; ${words}` : ""}</span>`;
  }

  private onCursor(event: CustomEvent<Cursor | null>): void {
    event.stopPropagation();
    const { detail } = event;
    emit(this, "rg-flow-point", detail && { step: this.stepOf(detail.t), row: detail.c });
  }

  private onChoose(event: CustomEvent<{ t: number }>): void {
    event.stopPropagation();
    emit(this, "rg-set", { step: this.stepOf(event.detail.t) });
  }

  private onZoom(event: CustomEvent<{ window?: Window | null }>): void {
    event.stopPropagation();
    const { window } = event.detail;
    emit(this, "rg-set", { flowWindow: window ? stepsIn(this.history.flow, window) : null });
  }

  private stepOf(column: number): number {
    return this.history.flow.steps[column][0];
  }
}

customElements.define("rg-flow-map", RgFlowMap);
