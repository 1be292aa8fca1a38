import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { SCALE_NAMES, SCALE_WORDS, type Scale, type ScaleName } from "../colour/scale";
import { DIVERGING_NAMES, type MapName, SEQUENTIAL_NAMES } from "../colour/table";
import { short } from "../colour/ticks";
import { emit } from "../components/base/events";
import { controls } from "../components/base/theme";
import {
  isShown,
  labelled,
  moreButton,
  numberField,
  type Option,
  optionOf,
  select,
} from "../components/controls/fields";
import { REDUCTIONS, type Reduction } from "../data/types";
import { type ColourRange, PERCENTILES, type Percentile, type State } from "../state/state";

const RANGES: Record<ColourRange, string> = {
  shared: "all shown",
  steps: "all steps",
  runs: "all runs",
  each: "each alone",
};

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
      input[type="text"] { width: 72px; }
    `,
  ];

  declare state: State;
  /** How many samples there are to choose from. Up to 1, there is no choice to offer. */
  declare samples: number;
  /** The scale in use, whose ends typed numbers replace. */
  declare scale: Scale;
  /** Whether to offer diverging colour maps. */
  declare diverging: boolean;
  /** Whether the view draws values as colours. */
  declare mapped: boolean;
  /** Whether to offer a choice of scale. Logarithms have a fixed one. */
  declare scaled: boolean;

  override render() {
    return html`
      ${this.samples > 1 ? this.renderShow() : nothing}
      ${this.samples > 1 && this.state.show === "samples" && this.mapped ? this.renderColumns() : nothing}
      ${this.samples > 1 && this.state.show === "channel" && this.mapped ? this.renderChannel() : nothing}
      ${this.scaled ? this.renderScale() : nothing}
      ${this.renderRare()}
      ${moreButton(this.state)}
      <slot></slot>
    `;
  }

  private renderShow() {
    const show = String(this.state.show);
    const samples = Array.from({ length: this.samples }, (_, i): Option => [String(i), `sample ${i}`]);
    const reductions = Object.entries(REDUCTIONS).map(([name, label]) => optionOf([name, label], show));
    return labelled(
      "show",
      "Show",
      html`
        <optgroup label="One sample">${samples.map((one) => optionOf(one, show))}</optgroup>
        <optgroup label="All kept samples">${optionOf(["samples", "each sample"], show)} ${optionOf(["channel", "one channel of each sample"], show)} ${reductions}</optgroup>
      `,
      (chosen) =>
        this.set({
          show: Number.isNaN(Number(chosen)) ? (chosen as Reduction | "samples" | "channel") : Number(chosen),
        }),
    );
  }

  private renderChannel() {
    const { channel } = this.state;
    const fits = (number: number) => Number.isInteger(number) && number >= 0;
    return numberField("channel", "Channel", channel, "largest", fits, (channel) => this.set({ channel }));
  }

  private renderColumns() {
    const { columns } = this.state;
    const fits = (count: number) => Number.isInteger(count) && count > 0;
    return numberField("columns", "Columns", columns, "automatic", fits, (columns) => this.set({ columns }));
  }

  private renderScale() {
    const names = SCALE_NAMES.map((name): Option => [name, SCALE_WORDS[name]]);
    return select("scale", "Scale", [["", "automatic"], ...names], this.state.scale ?? "", (chosen) =>
      this.set({ scale: (chosen || null) as ScaleName | null }),
    );
  }

  private renderRare() {
    const { range, percentile, map, low, limit, threshold } = this.state;
    const maps: readonly MapName[] = this.diverging ? DIVERGING_NAMES : SEQUENTIAL_NAMES;
    const { name } = this.scale;
    const percentiles = PERCENTILES.map((p): Option => [String(p), p === 100 ? "max |x|" : `p${p} |x|`]);
    const rare: [keyof State, boolean, () => TemplateResult][] = [
      [
        "range",
        true,
        () =>
          select("range", "Range", Object.entries(RANGES), range, (chosen) =>
            this.set({ range: chosen as ColourRange }),
          ),
      ],
      [
        "percentile",
        this.scaled,
        () =>
          select("percentile", "Limit", percentiles, String(percentile), (chosen) =>
            this.set({ percentile: Number(chosen) as Percentile }),
          ),
      ],
      [
        "low",
        this.scaled && name !== "log",
        () =>
          numberField(
            "low",
            "from",
            low,
            short(this.scale.low),
            () => true,
            (low) => this.set({ low }),
            "Typed lower end",
          ),
      ],
      [
        "limit",
        this.scaled,
        () =>
          numberField(
            "limit",
            "to",
            limit,
            short(this.scale.high),
            isPositive,
            (limit) => this.set({ limit }),
            "Typed limit",
          ),
      ],
      [
        "threshold",
        this.scaled && (name === "symlog" || name === "log"),
        () =>
          numberField(
            "threshold",
            "Threshold",
            threshold,
            short(this.scale.threshold),
            isPositive,
            (threshold) => this.set({ threshold }),
            "Typed threshold",
          ),
      ],
      [
        "map",
        this.mapped,
        () =>
          select(
            "map",
            "Colours",
            [["", "automatic"], ...maps.map((one): Option => [one, one])],
            map ?? "",
            (chosen) => this.set({ map: (chosen || null) as MapName | null }),
          ),
      ],
    ];
    return rare.map(([key, fits, render]) => (fits && isShown(this.state, key) ? render() : nothing));
  }

  private set(change: Partial<State>): void {
    emit(this, "rg-set", change);
  }
}

function isPositive(value: number): boolean {
  return value > 0;
}

customElements.define("rg-toolbar", RgToolbar);
