import { css, html, LitElement } from "lit";
import { SCALE_NAMES, type ScaleName } from "../colour/scale";
import { DIVERGING_NAMES, type MapName, SEQUENTIAL_NAMES } from "../colour/table";
import { REDUCTIONS, type Reduction, type Show } from "../data/types";
import type { State } from "../state";
import { tell } from "./events";
import { controls } from "./theme";

const SCALES: Record<ScaleName, string> = { symlog: "symlog", linear: "linear", log: "log |x|" };

/** What is shown of the samples, and in which colours. */
export class RgToolbar extends LitElement {
  static override properties = {
    state: { attribute: false },
    samples: { type: Number },
    diverging: { type: Boolean },
  };
  static override styles = [
    controls,
    css`
      :host { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; }
      span { display: inline-flex; align-items: center; gap: 6px; white-space: nowrap; }
    `,
  ];

  declare state: State;
  declare samples: number;
  /** Whether the maps to choose from are those with a middle. */
  declare diverging: boolean;

  override render() {
    const { show, scale, map, range } = this.state;
    const samples = Array.from({ length: Math.max(this.samples, 1) }, (_, i) => i);
    const maps: MapName[] = this.diverging ? DIVERGING_NAMES : SEQUENTIAL_NAMES;
    return html`
      <span><label for="show">Show</label>
        <select id="show" @change=${(event: Event) => this.chooseShow(value(event))}>
          <optgroup label="One sample">
            ${samples.map((i) => option(String(i), `sample ${i}`, show === i))}
          </optgroup>
          <optgroup label="All kept samples">
            ${Object.entries(REDUCTIONS).map(([name, label]) => option(name, label, show === name))}
          </optgroup>
        </select>
      </span>
      <span><label for="scale">Scale</label>
        <select id="scale" @change=${(event: Event) => tell(this, "rg-set", { scale: value(event) as ScaleName })}>
          ${SCALE_NAMES.map((name) => option(name, SCALES[name], scale === name))}
        </select>
      </span>
      <span><label for="range">Range</label>
        <select id="range" @change=${(event: Event) => tell(this, "rg-set", { range: value(event) as State["range"] })}>
          ${option("shared", "shared by all shown", range === "shared")}
          ${option("each", "each its own", range === "each")}
        </select>
      </span>
      <span><label for="map">Colours</label>
        <select id="map" @change=${(event: Event) => tell(this, "rg-set", { map: (value(event) || null) as MapName | null })}>
          ${option("", "automatic", map === null)}
          ${maps.map((name) => option(name, name, map === name))}
        </select>
      </span>
      <slot></slot>
    `;
  }

  private chooseShow(chosen: string): void {
    const show: Show = chosen in REDUCTIONS ? (chosen as Reduction) : Number(chosen);
    tell(this, "rg-set", { show });
  }
}

function option(value: string, label: string, selected: boolean) {
  return html`<option value=${value} .selected=${selected}>${label}</option>`;
}

function value(event: Event): string {
  return (event.target as HTMLSelectElement).value;
}

customElements.define("rg-toolbar", RgToolbar);
