import { html, LitElement } from "lit";
import { makeScale, type Scale } from "../colour/scale";
import type { Line } from "./curve_plot";
import type { Cursor } from "./events";
import "./curve";

/** Norms of a matrix over training, a line for each gate of each run. */
export class RgWeightNorms extends LitElement {
  static override properties = {
    heading: { type: String },
    lines: { attribute: false },
    steps: { attribute: false },
    scale: { type: String },
    coming: { type: Boolean },
    dark: { type: Boolean },
    at: { state: true },
  };

  declare heading: string;
  declare lines: Line[];
  /** What stands on the x axis. */
  declare steps: number[];
  declare scale: "linear" | "log";
  declare coming: boolean;
  declare dark: boolean;
  /** Where the pointer is. */
  declare at: Cursor | null;

  constructor() {
    super();
    this.at = null;
  }

  override render() {
    return html`<rg-curve
      heading=${this.heading} .channel=${null} axis="step" gap="none" .lines=${this.lines} .xs=${this.steps} .span=${[0, this.steps.length]}
      .scale=${scaleOf(this.lines, this.scale)} .cursor=${this.at} .coming=${this.coming} .dark=${this.dark}
      @rg-cursor=${(event: CustomEvent<Cursor | null>) => {
        event.stopPropagation();
        this.at = event.detail;
      }}
    ></rg-curve>`;
  }
}

/** From 0 on where linear, as weights are; over what there is where logarithmic, as gradients. */
function scaleOf(lines: readonly Line[], name: "linear" | "log"): Scale {
  const values = lines.flatMap((line) =>
    line.values.filter((value) => typeof value === "number" && value > 0),
  ) as number[];
  const greatest = values.reduce((a, b) => Math.max(a, b), 0);
  const least = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const extent = { least, greatest, magnitude: 1.05 * greatest, small: least };
  return makeScale(extent, { name, signed: false, limit: null, threshold: null });
}

customElements.define("rg-weight-norms", RgWeightNorms);
