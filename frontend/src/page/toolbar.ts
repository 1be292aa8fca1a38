import { css, html, LitElement, nothing } from "lit";
import { SCALE_NAMES, SCALE_WORDS, type Scale, type ScaleName } from "../colour/scale";
import { DIVERGING_NAMES, type MapName, SEQUENTIAL_NAMES } from "../colour/table";
import { short } from "../colour/ticks";
import { emit } from "../components/base/events";
import { controls } from "../components/base/theme";
import {
  choose,
  labelled,
  moreButton,
  numberField,
  type Option,
  optionOf,
  rare,
} from "../components/controls/fields";
import { REDUCTIONS } from "../data/types";
import { type ColourRange, PERCENTILES, type Percentile } from "../state/options";
import { FIELDS, type State } from "../state/state";

const AUTOMATIC: Option<null> = [null, "automatic"];
const SCALES: Option<ScaleName | null>[] = [
  AUTOMATIC,
  ...SCALE_NAMES.map((name): Option<ScaleName> => [name, SCALE_WORDS[name]]),
];
const RANGES: Option<ColourRange>[] = [
  ["shared", "all shown"],
  ["steps", "all steps"],
  ["runs", "all runs"],
  ["each", "each alone"],
];
const PERCENTILE_NAMES = PERCENTILES.map((p): Option<Percentile> => [p, p === 100 ? "max |x|" : `p${p} |x|`]);

/**
 * Chooses which samples are shown, and in which colours. Rarely used controls are folded away unless the user
 * changed them.
 */
export class RgToolbar extends LitElement {
  static override properties = {
    state: { attribute: false },
    samples: { type: Number },
    scale: { attribute: false },
    diverging: { type: Boolean },
    mapped: { type: Boolean },
    scaled: { type: Boolean },
  };
  static override styles = [
    controls,
    css`
      :host { display: flex; flex-wrap: wrap; gap: 8px 10px; align-items: center; }
      input[type="text"] { width: 80px; }
    `,
  ];

  declare state: State;
  /** How many samples there are to choose from. Up to 1, there is no choice to offer. */
  declare samples: number;
  /** The scale in use, whose ends typed numbers replace. */
  declare scale: Scale;
  /** Whether to offer diverging colour maps. */
  declare diverging: boolean;
  /** Whether the tab draws values as colours. */
  declare mapped: boolean;
  /** Whether to offer a choice of scale. Logarithms have a fixed one. */
  declare scaled: boolean;

  override render() {
    const { state, mapped, scaled } = this;
    const several = this.samples > 1;
    return html`
      ${several ? this.renderShow() : nothing}
      ${several && mapped && state.show === "samples" ? numberField(state, "columns", "Columns", "automatic") : nothing}
      ${several && mapped && state.show === "channel" ? numberField(state, "channel", "Channel", "largest") : nothing}
      ${scaled ? choose(state, "scale", "Scale", SCALES) : nothing}
      ${this.renderRare()}
      ${moreButton(state)}
      <slot></slot>
    `;
  }

  private renderShow() {
    const show = String(this.state.show);
    const samples = Array.from({ length: this.samples }, (_, i): Option => [String(i), `sample ${i}`]);
    const reductions = Object.entries(REDUCTIONS).map((reduction) => optionOf(reduction, show));
    return labelled(
      "show",
      "Show",
      html`
        <optgroup label="One sample">${samples.map((sample) => optionOf(sample, show))}</optgroup>
        <optgroup label="All kept samples">${optionOf(["samples", "each sample"], show)} ${optionOf(["channel", "one channel of each sample"], show)} ${reductions}</optgroup>
      `,
      (chosen) => emit(this, "rg-set", { show: FIELDS.show.codec.read(chosen) }),
    );
  }

  private renderRare() {
    const { state, scaled, scale } = this;
    const maps: readonly MapName[] = this.diverging ? DIVERGING_NAMES : SEQUENTIAL_NAMES;
    const thresholded = scale.name === "symlog" || scale.name === "log";
    return html`
      ${rare(state, "range", choose(state, "range", "Range", RANGES))}
      ${
        scaled
          ? html`
              ${rare(state, "percentile", choose(state, "percentile", "Limit", PERCENTILE_NAMES))}
              ${scale.name === "log" ? nothing : rare(state, "low", numberField(state, "low", "from", short(scale.low), "Typed lower end"))}
              ${rare(state, "limit", numberField(state, "limit", "to", short(scale.high), "Typed limit"))}
              ${thresholded ? rare(state, "threshold", numberField(state, "threshold", "Threshold", short(scale.threshold), "Typed threshold")) : nothing}
            `
          : nothing
      }
      ${this.mapped ? rare(state, "map", choose(state, "map", "Colours", [AUTOMATIC, ...maps.map((map): Option<MapName> => [map, map])])) : nothing}
    `;
  }
}

customElements.define("rg-toolbar", RgToolbar);
