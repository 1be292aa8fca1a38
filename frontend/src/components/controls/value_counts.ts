import { css, html, LitElement, nothing } from "lit";
import { type MapName, SPECIALS, zeroColour } from "../../colour/table";
import type { Tensor } from "../../data/types";
import { controls, hatch } from "../base/theme";

/** Counts of special values in a view, each beside its colour. */
export class RgHealth extends LitElement {
  static override properties = {
    tensor: { attribute: false },
    raw: { type: Boolean },
    map: { type: String },
    quiet: { type: Boolean },
  };
  static override styles = [
    controls,
    css`
      :host { display: flex; flex-wrap: wrap; gap: 2px 12px; font-size: 12px; color: var(--rg-muted); }
      span { display: inline-flex; align-items: center; gap: 4px; white-space: nowrap; }
      i { width: 10px; height: 10px; border-radius: 2px; border: 1px solid var(--rg-border); }
      .padding i { background: ${hatch}; }
      .alarm { color: var(--rg-error); font-weight: 500; }
    `,
  ];

  declare tensor: Tensor;
  /** Whether the numbers are logarithms, in which −Inf stands for an exact 0. */
  declare raw: boolean;
  /** Whether to say nothing if all values are ordinary. */
  declare quiet: boolean;
  /** The colour map of the picture it describes. */
  declare map: MapName | undefined;

  override render() {
    const { counts, narrowed } = this.tensor;
    const finite = counts.real - counts.nan - counts.posinf - counts.neginf;
    const parts: [keyof typeof SPECIALS, number][] = [
      ["zero", this.raw ? counts.neginf : counts.zero],
      ["nan", counts.nan],
      ["posinf", counts.posinf],
      ["neginf", this.raw ? 0 : counts.neginf],
    ];
    const clean = parts.every(([, count]) => count === 0) && counts.padding === 0;
    const isOrdinary =
      parts.every(([, count]) => count === 0) && narrowed.flushed + narrowed.overflowed === 0;
    if (this.quiet && isOrdinary) return nothing;
    return html`
      <span class="number">${number(finite)} finite${clean ? ", no zero, NaN, Inf or padding" : ""}</span>
      ${parts.map(([name, count]) => (count ? this.renderPart(name, count) : nothing))}
      ${counts.padding ? html`<span class="padding number"><i></i>${number(counts.padding)} padding</span>` : nothing}
      ${
        narrowed.flushed + narrowed.overflowed
          ? html`<span class="alarm">${number(narrowed.flushed)} became 0 and ${number(narrowed.overflowed)} Inf when stored</span>`
          : nothing
      }
    `;
  }

  private renderPart(name: keyof typeof SPECIALS, count: number) {
    const { label } = SPECIALS[name];
    const rgb = name === "zero" && this.map ? zeroColour(this.map) : SPECIALS[name].rgb;
    const share = count / this.tensor.counts.real;
    return html`
      <span class="number ${name === "zero" ? "" : "alarm"}">
        <i style="background:rgb(${rgb.join()})"></i>${number(count)} ${label} (${percent(share)})
      </span>
    `;
  }
}

function number(count: number): string {
  return count.toLocaleString("en");
}

/** A share in percent. It never rounds to 0% or 100% unless the share is exactly that. */
export function percent(share: number): string {
  if (share > 0 && share < 0.001) return "<0.1%";
  if (share < 1 && share > 0.999) return ">99.9%";
  return `${Number((100 * share).toFixed(1))}%`;
}

customElements.define("rg-health", RgHealth);
