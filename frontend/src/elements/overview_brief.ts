import { css, html, LitElement } from "lit";
import { flagWords } from "../courses";
import { furthest, headline, type Line } from "../views/overview";
import { controls } from "./theme";

/** As many runs are told of; the table has all. */
const MOST = 5;

/** The current picture in sentences: how far back, since when, and which run reaches furthest. */
export class RgOverviewBrief extends LitElement {
  static override properties = { lines: { attribute: false }, eps: { type: Number } };
  static override styles = [
    controls,
    css`
      :host {
        display: block; min-width: 0; padding: 12px 14px; background: var(--rg-raised);
        border: 1px solid var(--rg-border); border-radius: 4px;
      }
      h2 { margin: 0 0 8px; font-size: 16px; font-weight: 500; overflow-wrap: anywhere; }
      ul { list-style: none; margin: 0 0 8px; padding: 0; }
      li { margin: 4px 0; overflow-wrap: anywhere; }
      i { display: inline-block; width: 9px; height: 9px; border-radius: 50%; margin-right: 5px; }
      b { font-weight: 500; }
      p { margin: 0; font-size: 12px; }
    `,
  ];

  declare lines: Line[];
  declare eps: number;

  override render() {
    const runs = furthest(this.lines);
    const share = `${Number((100 * this.eps).toPrecision(3))}\u00a0%`;
    return html`
      <h2>${headline(runs)}</h2>
      <ul class="number">${runs.slice(0, MOST).map((line) => this.renderRun(line))}</ul>
      <p class="muted">
        ${runs.length > MOST ? `${runs.length - MOST} more runs stand in the table. ` : ""}How far back: the memory horizon,
        the largest lag at which the gradient's norm is still ${share} of its largest. What lies beyond
        can hardly be learned from.
      </p>
    `;
  }

  private renderRun({ series, colour, horizon, longest, since, step, flags }: Line) {
    const far = Number.isNaN(horizon)
      ? "no horizon: no gradient, or none that is finite"
      : `reaches ${horizon} of ${longest} timesteps back, at least half as far since step ${since}`;
    return html`<li>
      <i style="background:${colour}"></i><b>${series.run}</b> <span class="muted">${series.tag}</span>
      ${far}; ${flags.length ? html`<b>${flagWords(flags)}</b>` : "no flag"} at step ${step}
    </li>`;
  }
}

customElements.define("rg-overview-brief", RgOverviewBrief);
