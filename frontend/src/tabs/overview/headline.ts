import { css, html, LitElement, nothing } from "lit";
import { breakable } from "../../components/base/breakable";
import { emit } from "../../components/base/events";
import { controls } from "../../components/base/theme";
import { tagWords } from "../../data/parts";
import { FLAG_NAMES } from "../../maths/flow/flags";
import { headline } from "../../maths/flow/headline";
import type { OverviewLine } from "../../maths/flow/overview_line";
import { furthest } from "../../maths/flow/overview_order";
import { ANSWERS, type Answer, type Claim } from "../../maths/flow/verdict";
import { flagColour } from "../../pictures/flow_cards";

/** Mention at most this many runs; the table has all. */
const MOST = 5;

/** How many runs are mentioned, and how many there are. */
export interface Told {
  shown: number;
  all: number;
}

/** The overview in sentences: which run reaches furthest, and whether each can learn long dependencies. */
export class RgOverviewBrief extends LitElement {
  static override properties = {
    lines: { attribute: false },
    eps: { type: Number },
    told: { attribute: false },
  };
  static override styles = [
    controls,
    css`
      :host {
        display: block; min-width: 0; padding: 12px 14px; background: var(--rg-raised);
        border: 1px solid var(--rg-border); border-radius: 4px;
      }
      h2 { margin: 0 0 8px; font-size: 16px; font-weight: 500; overflow-wrap: anywhere; }
      h3 { margin: 12px 0 4px; font-size: 13px; font-weight: 500; }
      ul { list-style: none; margin: 0 0 8px; padding: 0; }
      li { margin: 6px 0; overflow-wrap: anywhere; }
      li i { display: inline-block; width: 9px; height: 9px; border-radius: 50%; margin-right: 5px; }
      b { font-weight: 500; }
      .answer { display: inline-block; padding: 0 7px; border: 1px solid; border-radius: 9px; font-weight: 500; }
      .yes { color: var(--rg-good); }
      .no { color: var(--rg-error); }
      .unknown { color: var(--rg-muted); }
      a { color: inherit; text-decoration: underline dotted; text-underline-offset: 2px; }
      a:hover { color: var(--rg-accent-text); }
      p { margin: 0; font-size: 12px; }
    `,
  ];

  declare lines: OverviewLine[];
  declare eps: number;
  declare told: Told;

  override render() {
    const runs = furthest(this.lines);
    const share = `${Number((100 * this.eps).toPrecision(3))}\u00a0%`;
    const { shown, all } = this.told;
    return html`
      <h2>${breakable(headline(runs))}${shown < all ? ` (of ${shown} of ${all} runs shown)` : ""}</h2>
      <h3 id="question">Can it learn long dependencies? <span class="muted">at step ${runs[0]?.step}</span></h3>
      <ul class="number" aria-labelledby="question">${runs.slice(0, MOST).map((line) => this.renderRun(line, runs[0].step))}</ul>
      <p class="muted">
        ${runs.length > MOST ? `${runs.length - MOST} more stand in the table. ` : ""}How far back: the memory horizon,
        the largest lag (timesteps before a sample's last) at which the gradient's norm is still ${share} of the sample's largest. What lies beyond
        can hardly be learned from. <b>Yes</b>: it is nine tenths of the sequence or more, it is finite and does not explode, and a loss that is
        logged has fallen. <b>No</b>: the gradient vanishes, explodes or is not finite, or 95 % of the
        samples have less than a millionth of their largest norm left at the far end.
      </p>
    `;
  }

  /** Renders one run. `usual` is the step of the other runs; this run's nearest step may differ. */
  private renderRun(line: OverviewLine, usual: number) {
    const { name, series, members, colour, since, step, verdict, flags, reasons } = line;
    const parts = [
      ...verdict.claims.map((claim) => this.renderClaim(line, claim)),
      ...flags
        .filter((flag) => !verdict.claims.some(({ text }) => text.startsWith(FLAG_NAMES[flag])))
        .map((flag) => html`<b style="color:${flagColour(flag)}">${FLAG_NAMES[flag]}</b>: ${reasons[flag]}`),
      ...(since < step ? [html`at least half as far ${this.sinceWords(line)}`] : []),
      ...this.othersWords(line),
    ];
    return html`<li>
      <i style="background:${colour}"></i><b>${breakable(name)}</b>
      <span class="muted">${tagWords(series.tag, series.entry)}${members.length ? `, ${members.length} runs` : ""}</span>
      <span class="answer ${verdict.answer}">${ANSWERS[verdict.answer]}</span><br />
      ${parts.map((part, i) => html`${i ? "; " : ""}${part}`)}
      ${step === usual ? nothing : html`<span class="muted">(step ${step})</span>`}
    </li>`;
  }

  private sinceWords({ since, members, first }: OverviewLine): string {
    if (members.length) return `in all runs since step ${since}`;
    return since === first ? "from the first step on" : `since step ${since}`;
  }

  /** The results of the run's other layers and directions. */
  private othersWords(line: OverviewLine): string[] {
    const others = this.lines.filter((other) => other.name === line.name && other !== line);
    if (others.length === 0) return [];
    const counted = (Object.keys(ANSWERS) as Answer[]).flatMap((answer) => {
      const count = others.filter(({ verdict }) => verdict.answer === answer).length;
      return count ? [`${ANSWERS[answer]} (${count})`] : [];
    });
    return [`its other layers and directions: ${counted.join(", ")}`];
  }

  /** A reason of a verdict, as a link to what shows it. */
  private renderClaim(line: OverviewLine, { text, shows }: Claim) {
    const open = () =>
      shows === "loss" ? emit(this, "rg-show-scalars", undefined) : openFlow(this, line, shows);
    const where = shows === "loss" ? "its chart" : "its maps";
    return html`<a href="#" title="Show ${where}" @click=${(event: Event) => {
      event.preventDefault();
      open();
    }}>${text}</a>`;
  }
}

/** Open the flow of a line's run, or of all runs of its group, alone. The user's choice of runs stays. */
export function openFlow(
  from: EventTarget,
  { series, members }: OverviewLine,
  shows: Claim["shows"] = "flow",
): void {
  const all = members.length ? members.map((member) => member.series) : [series];
  emit(from, "rg-set", {
    view: "flow",
    alone: all.map(({ run, tag }) => [run, tag]),
    flowOf: shows === "nonfinite" ? "nonfinite" : "norm",
    flowAxis: shows === "nonfinite" ? "timestep" : "lag",
  });
}

customElements.define("rg-overview-brief", RgOverviewBrief);
