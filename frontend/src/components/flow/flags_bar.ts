import { css, html, LitElement, nothing } from "lit";
import { nearestStep } from "../../data/series";
import { FLAG_NAMES, FLAGS, type Flag } from "../../maths/flow/flags";
import type { Limits } from "../../maths/flow/history";
import { beyondWords, flagReason } from "../../maths/flow/samples";
import { type FlowCard, flagColour, type Rise, risesOf, seriesNames } from "../../pictures/flow_cards";
import { stepAt } from "../../state/choices";
import type { State } from "../../state/state";
import { breakable } from "../base/breakable";
import { emit } from "../base/events";
import { LiveReadout } from "../base/live_readout";
import { controls } from "../base/theme";
import { isShown } from "../controls/fields";

/** A threshold: the words around its field, its help, and its range. */
interface Field {
  label: string;
  unit: string;
  least: number;
  most: number;
  flag: Flag | null;
  help: string;
}

const FIELDS: Record<keyof Limits, Field> = {
  eps: {
    label: "Horizon at",
    unit: "of the largest norm",
    least: 1e-12,
    most: 1,
    flag: null,
    help: "The memory horizon: the largest lag at which a sample's norm is at least this share of its own largest; that of the median sample counts",
  },
  nonfinite: {
    label: "Non-finite >",
    unit: "",
    least: 0,
    most: 1,
    flag: "non_finite",
    help: "Non-finite: at some timestep the share of NaN and Inf is above this",
  },
  exploding: {
    label: "Exploding >",
    unit: "×",
    least: 1,
    most: Number.MAX_VALUE,
    flag: "exploding",
    help: "Exploding: the median sample's norm grows more than so many times on its way back, each timestep counted as tenfold at most",
  },
  vanishing: {
    label: "Vanishing <",
    unit: "",
    least: 0,
    most: 1,
    flag: "vanishing",
    help: "Vanishing: the median sample's memory horizon is below this share of the lags of the sample of median length",
  },
  dead: {
    label: "Dead >",
    unit: "",
    least: 0,
    most: 1,
    flag: "dead_channels",
    help: "Dead channels: the share of channels that are exactly 0 throughout is above this",
  },
};

/** Above this many series, name only those with a flag. */
const MOST_TOLD = 6;
/** Where letters are commands: while one of these has the focus (this bar, the slider, what shows flags). */
const COMMANDED = "rg-flags-bar, rg-step-slider, rg-flow-view, rg-overview-table";
/** Where letters are typed as text. */
const TYPED_INTO = "select, input:not([type=range], [type=checkbox])";

/** The thresholds of flags, the flags at the slider's step, and buttons that go from flag to flag. */
export class RgFlagsBar extends LitElement {
  static override properties = {
    state: { attribute: false },
    cards: { attribute: false },
    steps: { attribute: false },
    step: { type: Number },
  };
  static override styles = [
    controls,
    css`
      :host { display: block; margin-bottom: 8px; }
      div { display: flex; flex-wrap: wrap; gap: 6px 16px; align-items: center; }
      div + div { margin-top: 6px; }
      span { display: inline-flex; align-items: center; gap: 5px; white-space: nowrap; }
      input { width: 62px; }
      .key { display: inline-block; width: 12px; height: 8px; border-radius: 1px; flex: none; }
      .now { white-space: normal; flex-wrap: wrap; gap: 2px 14px; }
      .now span { display: inline; white-space: normal; overflow-wrap: anywhere; }
      .now b { font-weight: 500; }
    `,
  ];

  /** The state, which holds the thresholds. */
  declare state: Readonly<State>;
  declare cards: FlowCard[];
  /** The slider's steps, and its current one. */
  declare steps: number[];
  declare step: number;

  private readonly spoken = new LiveReadout(this);

  private readonly onKey = (event: KeyboardEvent): void => {
    const focused = event.composedPath().filter((target) => target instanceof Element);
    const commanded = focused.some((target) => target.matches(COMMANDED)) && !focused[0].matches(TYPED_INTO);
    if (event.ctrlKey || event.metaKey || event.altKey || !commanded) return;
    if (event.key === "n") this.go(this.next());
    if (event.key === "p") this.go(this.previous());
  };

  override connectedCallback(): void {
    super.connectedCallback();
    document.addEventListener("keydown", this.onKey);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener("keydown", this.onKey);
  }

  override render() {
    const [previous, next] = [this.previous(), this.next()];
    const shown = (Object.keys(FIELDS) as (keyof Limits)[]).filter((name) => isShown(this.state, name));
    return html`
      ${shown.length ? html`<div>${shown.map((name) => this.renderField(name))}</div>` : nothing}
      <div>
        <span>
          <button ?disabled=${!previous} aria-keyshortcuts="p" @click=${() => this.go(previous)} title=${titleOf(previous, "p")}>‹ flag</button>
          <button ?disabled=${!next} aria-keyshortcuts="n" @click=${() => this.go(next)} title=${titleOf(next, "n")}>flag ›</button>
        </span>
        <span class="now number" aria-live=${this.spoken.live}>${this.renderNow()}</span>
      </div>
    `;
  }

  private renderField(name: keyof Limits) {
    const { label, unit, least, most, flag, help } = FIELDS[name];
    return html`<span>
      ${flag ? html`<i class="key" style="background:${flagColour(flag)}"></i>` : nothing}
      <label for=${name}>${label}</label>
      <input
        id=${name} type="number" class="number" min=${least} max=${most} step="any" aria-description=${help} .value=${String(this.state[name])}
        @change=${(event: Event) => this.onLimit(name, event.target as HTMLInputElement)}
      />${unit ? html`<span class="muted">${unit}</span>` : nothing}
    </span>`;
  }

  private renderNow() {
    const names = seriesNames(this.cards);
    const known = this.cards.flatMap(({ history }, i) => {
      const kept = history && nearestStep(history.flow.steps, this.step);
      if (!kept) return [];
      const name = kept[0] === this.step ? names[i] : `${names[i]} (step ${kept[0]})`;
      const index = history.flow.steps.indexOf(kept);
      const flags = history.flags[index];
      const words = flags.length
        ? flags.map(
            (flag) =>
              html`<i class="key" style="background:${flagColour(flag)}"></i> <b>${FLAG_NAMES[flag]}</b> <span class="muted">${flagReason(flag, history, index, this.state)}</span>`,
          )
        : [html`<b>no flag</b>`];
      const asides = FLAGS.filter((flag) => !flags.includes(flag)).flatMap(
        (flag) => beyondWords(flag, history, index, this.state) ?? [],
      );
      return [
        {
          name,
          flags,
          words: [...words, ...asides.map((aside) => html`<span class="muted">${aside}</span>`)],
        },
      ];
    });
    const flagged = known.filter(({ flags }) => flags.length);
    const told = known.length > MOST_TOLD ? flagged.slice(0, MOST_TOLD) : known;
    const more = known.length > MOST_TOLD ? flagged.length - told.length : 0;
    const others = known.length - told.length - more;
    return html`<span class="muted">At step ${this.step}:</span>
      ${told.map(({ name, words }) => html`<span>${breakable(name)}: ${words.map((word, i) => html`${i ? "; " : ""}${word}`)}</span>`)}
      ${more ? html`<span>${more} more: <b>flagged</b>, as the table says</span>` : nothing}
      ${others ? html`<span>${told.length ? `${others} others` : "all"}: <b>no flag</b></span>` : nothing}`;
  }

  private next(): Rise | undefined {
    return risesOf(this.cards).find(({ step }) => step > this.step);
  }

  private previous(): Rise | undefined {
    return risesOf(this.cards)
      .filter(({ step }) => step < this.step)
      .at(-1);
  }

  private go(rise: Rise | undefined): void {
    if (rise) emit(this, "rg-set", { step: stepAt(this.steps, this.steps.indexOf(rise.step)) });
  }

  private onLimit(name: keyof Limits, input: HTMLInputElement): void {
    const typed = input.valueAsNumber;
    const { least, most } = FIELDS[name];
    if (typed >= least && typed <= most) emit(this, "rg-set", { [name]: typed });
    input.value = String(this.state[name]);
  }
}

/** The tooltip of a button: where it leads, and its key. */
function titleOf(rise: Rise | undefined, key: string): string {
  if (!rise) return `No flag rises there (${key})`;
  return `Step ${rise.step}: ${rise.series.run} ${rise.series.tag}, ${FLAG_NAMES[rise.flag]} (${key})`;
}

customElements.define("rg-flags-bar", RgFlagsBar);
