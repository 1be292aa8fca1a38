import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { SCALE_NAMES, type Scale, type ScaleName } from "../colour/scale";
import { DIVERGING_NAMES, type MapName, SEQUENTIAL_NAMES } from "../colour/table";
import { short } from "../colour/ticks";
import { REDUCTIONS, type Reduction } from "../data/types";
import { type ColourRange, PERCENTILES, type Percentile, type State } from "../state";
import { tell } from "./events";
import { controls } from "./theme";

const SCALES: Record<ScaleName, string> = { symlog: "symlog", linear: "linear", log: "log |x|" };
const RANGES: Record<ColourRange, string> = {
  shared: "all shown",
  steps: "all steps",
  runs: "all runs",
  each: "each alone",
};

/** What is shown of the samples, and in which colours. */
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
      span { display: inline-flex; align-items: center; gap: 6px; white-space: nowrap; }
      input[type="text"] { width: 72px; }
    `,
  ];

  declare state: State;
  /** How many can be chosen from; 0: what is shown is of none. */
  declare samples: number;
  /** The scale in use: what typed ends replace. */
  declare scale: Scale;
  /** Whether the maps to choose from are those with a middle. */
  declare diverging: boolean;
  /** Whether values are drawn as colours. */
  declare mapped: boolean;
  /** Whether there is a scale to choose: logarithms have theirs. */
  declare scaled: boolean;

  override render() {
    const { show, scale, map, range, percentile } = this.state;
    const samples = Array.from({ length: this.samples }, (_, i) => i);
    const maps: MapName[] = this.diverging ? DIVERGING_NAMES : SEQUENTIAL_NAMES;
    return html`
      ${
        this.samples === 0
          ? nothing
          : this.choice(
              "show",
              "Show",
              html`
          <optgroup label="One sample">${samples.map((i) => option(String(i), `sample ${i}`, show === i))}</optgroup>
          <optgroup label="All kept samples">
            ${option("samples", "each sample", show === "samples")}
            ${Object.entries(REDUCTIONS).map(([name, label]) => option(name, label, show === name))}
          </optgroup>
        `,
              (chosen) => ({
                show: Number.isNaN(Number(chosen)) ? (chosen as Reduction | "samples") : Number(chosen),
              }),
            )
      }
      ${
        this.scaled
          ? this.choice(
              "scale",
              "Scale",
              SCALE_NAMES.map((name) => option(name, SCALES[name], scale === name)),
              (chosen) => ({ scale: chosen as ScaleName }),
            )
          : nothing
      }
      ${this.choice(
        "range",
        "Range",
        Object.entries(RANGES).map(([name, label]) => option(name, label, range === name)),
        (chosen) => ({ range: chosen as ColourRange }),
      )}
      ${
        this.scaled
          ? html`${this.choice(
              "percentile",
              "Limit",
              PERCENTILES.map((p) =>
                option(String(p), p === 100 ? "max |x|" : `p${p} |x|`, percentile === p),
              ),
              (chosen) => ({ percentile: Number(chosen) as Percentile }),
            )}
            ${this.end("limit", "or", this.scale.high)}
            ${scale === "linear" ? "" : this.end("threshold", "Threshold", this.scale.threshold)}`
          : nothing
      }
      ${
        this.mapped
          ? this.choice(
              "map",
              "Colours",
              html`${option("", "automatic", map === null)} ${maps.map((name) => option(name, name, map === name))}`,
              (chosen) => ({ map: (chosen || null) as MapName | null }),
            )
          : nothing
      }
      <slot></slot>
    `;
  }

  private choice(
    id: string,
    label: string,
    options: TemplateResult | TemplateResult[],
    change: (chosen: string) => Partial<State>,
  ) {
    return html`
      <span>
        <label for=${id}>${label}</label>
        <select id=${id} @change=${(event: Event) => tell(this, "rg-set", change((event.target as HTMLSelectElement).value))}>
          ${options}
        </select>
      </span>
    `;
  }

  /** A typed end of the scale; empty: automatic. */
  private end(key: "limit" | "threshold", label: string, automatic: number) {
    const typed = this.state[key];
    return html`
      <span>
        <label for=${key}>${label}</label>
        <input
          id=${key} type="text" aria-label="Typed ${key}" inputmode="decimal" class="number" placeholder=${short(automatic)}
          .value=${typed === null ? "" : String(typed)} title="Type a number; empty: automatic"
          @change=${(event: Event) => this.onEnd(key, event.target as HTMLInputElement)}
        />
      </span>
    `;
  }

  private onEnd(key: "limit" | "threshold", input: HTMLInputElement): void {
    const typed = Number(input.value.replaceAll("−", "-"));
    if (input.value.trim() === "") tell(this, "rg-set", { [key]: null });
    else if (typed > 0 && Number.isFinite(typed)) tell(this, "rg-set", { [key]: typed });
    const now = this.state[key];
    input.value = now === null ? "" : String(now);
  }
}

function option(value: string, label: string, selected: boolean) {
  return html`<option value=${value} .selected=${selected}>${label}</option>`;
}

customElements.define("rg-toolbar", RgToolbar);
