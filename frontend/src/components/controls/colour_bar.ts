import { css, html, LitElement, nothing, svg } from "lit";
import { placer, type Scale, thresholdAt, thresholdPlace } from "../../colour/scale";
import { BEYOND, colourIndex, type MapName, mapColours, SPECIALS, zeroColour } from "../../colour/table";
import { barTicks, short } from "../../colour/ticks";
import { emit } from "../base/events";
import { controls, hatch } from "../base/theme";

/** The colours of a scale with their values, and the colours of special values. */
export class RgColourBar extends LitElement {
  static override properties = {
    scale: { attribute: false },
    map: { type: String },
    label: { type: String },
    legend: { type: Boolean },
    adjustable: { type: Boolean },
    clipped: { type: Boolean },
    width: { type: Number },
  };
  static override styles = [
    controls,
    css`
      :host { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 16px; font-size: 12px; }
      canvas { display: block;  height: 12px; border-radius: 2px; }
      svg { display: block; overflow: visible; }
      text { fill: var(--rg-text); font-size: 11px; text-anchor: middle; }
      line { stroke: var(--rg-muted); }
      .bar { padding: 0 26px; }
      ul { display: flex; flex-wrap: wrap; gap: 4px 12px; list-style: none; margin: 0; padding: 0; color: var(--rg-muted); }
      li { display: flex; align-items: center; gap: 4px; white-space: nowrap; }
      .swatch { width: 12px; height: 12px; border: 1px solid var(--rg-border); border-radius: 2px; }
      .track { position: relative; }
      .thumb {
        position: absolute; top: -3px; width: 8px; height: 18px; margin-left: -4px; border-radius: 3px; cursor: ew-resize;
        background: var(--rg-background); border: 2px solid var(--rg-text); touch-action: none;
      }
      .label { min-width: 128px; }
      .padding { background: ${hatch}; }
    `,
  ];

  declare scale: Scale;
  declare map: MapName;
  declare label: string;
  /** Whether to name the colours of special values. */
  declare legend: boolean;
  /** Whether the user may drag symlog's threshold. */
  declare adjustable: boolean;
  /** Whether values may lie beyond the ends. */
  declare clipped: boolean;
  /** Width of the bar in pixels. */
  declare width: number;

  constructor() {
    super();
    this.width = 360;
  }

  override render() {
    const place = placer(this.scale);
    return html`
      <span class="label muted">${this.label}</span>
      <div class="bar" role="group" aria-label="Colour bar from ${short(this.scale.low)} to ${short(this.scale.high)}, ${this.scale.name}">
        <div class="track"><canvas width="256" height="1" style="width:${this.width}px"></canvas>
        ${this.adjustable && this.scale.name === "symlog" ? this.renderThumb() : nothing}</div>
        <svg width=${this.width} height="18">
          ${barTicks(this.scale, this.width).map(
            (
              tick,
            ) => svg`<line x1=${place(tick) * this.width} x2=${place(tick) * this.width} y1="0" y2="4"></line>
              <text x=${place(tick) * this.width} y="15">${short(tick)}</text>`,
          )}
        </svg>
      </div>
      <ul ?hidden=${!this.legend}>
        ${Object.values({
          ...SPECIALS,
          zero: { label: SPECIALS.zero.label, rgb: zeroColour(this.map) },
          ...(this.clipped ? BEYOND : {}),
        }).map(
          ({ label, rgb }) =>
            html`<li><span class="swatch" style="background:rgb(${rgb.join()})"></span>${label}</li>`,
        )}
        <li><span class="swatch padding"></span>padding</li>
      </ul>
    `;
  }

  private renderThumb() {
    const { threshold } = this.scale;
    return html`<div
      class="thumb" role="slider" tabindex="0" aria-label="Symlog threshold"
      aria-valuenow=${threshold} aria-valuemin="0" aria-valuemax=${this.scale.high} aria-valuetext=${short(threshold)}
      aria-description="Below this magnitude symlog draws linearly. Drag it, or use arrow keys; a double click makes it automatic"
      style="left:${thresholdPlace(this.scale) * this.width}px"
      @pointerdown=${(event: PointerEvent) => (event.target as Element).setPointerCapture(event.pointerId)}
      @pointermove=${this.onDrag} @keydown=${this.onKey}
      @dblclick=${() => emit(this, "rg-set", { threshold: null })}
    ></div>`;
  }

  private onDrag(event: PointerEvent): void {
    if (!(event.target as Element).hasPointerCapture(event.pointerId)) return;
    const bar = (this.renderRoot.querySelector("canvas") as HTMLCanvasElement).getBoundingClientRect();
    this.setThreshold(thresholdAt(this.scale, (event.clientX - bar.left) / bar.width));
  }

  private onKey(event: KeyboardEvent): void {
    const factor = { ArrowRight: 2, ArrowUp: 2, ArrowLeft: 0.5, ArrowDown: 0.5 }[event.key];
    if (!factor) return;
    event.preventDefault();
    this.setThreshold(this.scale.threshold * factor);
  }

  private setThreshold(threshold: number): void {
    emit(this, "rg-set", { threshold: Number(threshold.toPrecision(3)) });
  }

  override updated(): void {
    const context = this.renderRoot.querySelector("canvas")?.getContext("2d") as CanvasRenderingContext2D;
    const pixels = context.createImageData(256, 1);
    const colours = mapColours(this.map);
    for (let x = 0; x < 256; x++) {
      const index = colourIndex(x / 256);
      pixels.data.set([...colours.slice(3 * index, 3 * index + 3), 255], 4 * x);
    }
    context.putImageData(pixels, 0, 0);
  }
}

customElements.define("rg-colour-bar", RgColourBar);
