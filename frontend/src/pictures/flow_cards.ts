import { dashAt } from "../colour/dashes";
import { tagWords } from "../data/parts";
import type { Loaded } from "../data/resource";
import type { Series } from "../data/series";
import type { Flow, Tensor } from "../data/types";
import { FLAG_NAMES, FLAGS, type Flag, rises } from "../maths/flow/flags";
import type { Direction } from "../maths/flow/flow";
import { type FlowHistory, historyOf, type Limits } from "../maths/flow/history";

/** The source of flow cards; a tab's `Page` is one. */
export interface FlowSource {
  series: readonly Series[];
  state: Limits;
  colourOf(run: string): string;
  flowOf(series: Series, statistics: readonly string[]): Loaded<Flow>;
}

/** A series with its flow, or the state of the flow's loading. */
export interface FlowCard {
  series: Series;
  colour: string;
  loaded: Loaded<Flow>;
  history: FlowHistory | null;
}

export function flowCards(
  { series: shown, state, colourOf, flowOf }: FlowSource,
  statistics: readonly string[],
): FlowCard[] {
  return shown.map((series) => {
    const loaded = flowOf(series, statistics);
    const { quantity } = series.entry.metadata;
    const history = loaded.status === "ready" ? historyOf(loaded.answer, quantity, state) : null;
    return { series, colour: colourOf(series.run), loaded, history };
  });
}

/** The colour of each of `steps` at which any series has a flag, now or at its last logged step: that of the worst. */
export function marksOf(cards: readonly FlowCard[], steps: readonly number[]): Map<number, string> {
  const worst = new Map<number, Flag>();
  for (const { history } of cards) {
    let index = -1;
    for (const step of steps) {
      while (history && history.flow.steps[index + 1]?.[0] <= step) index++;
      const [flag] = history?.flags[index] ?? [];
      const other = worst.get(step);
      if (flag && !(other && FLAGS.indexOf(other) <= FLAGS.indexOf(flag))) worst.set(step, flag);
    }
  }
  return new Map([...worst].map(([step, flag]) => [step, flagColour(flag)]));
}

/** A flag that rises: its step and its series. */
export interface Rise {
  step: number;
  flag: Flag;
  series: Series;
}

/** Every rise of a flag in any of the series, ordered by step. */
export function risesOf(cards: readonly FlowCard[]): Rise[] {
  const found = cards.flatMap(({ series, history }) =>
    history
      ? rises(history.flags, history.evidence).flatMap(({ index, risen }) =>
          risen.map((flag) => ({ step: history.flow.steps[index][0], flag, series })),
        )
      : [],
  );
  return found.sort((a, b) => a.step - b.step || FLAGS.indexOf(a.flag) - FLAGS.indexOf(b.flag));
}

/** Flags in words; "no flag" if there is none. */
export function flagWords(flags: readonly Flag[]): string {
  return flags.map((flag) => FLAG_NAMES[flag]).join(", ") || "no flag";
}

/** Names that tell series apart: the run, with the tag if a run shows several. */
export function seriesNames(cards: readonly { series: Series }[]): string[] {
  const tags = new Set(cards.map(({ series }) => series.tag));
  return cards.map(({ series: { run, tag, entry } }) =>
    tags.size > 1 ? `${run} ${tagWords(tag, entry)}` : run,
  );
}

/** The dashes of series' lines, which tell apart those of one run and so of one colour. */
export function dashesOf(cards: readonly { series: Series }[]): number[][] {
  return cards.map(({ series }, i) => {
    const before = cards.slice(0, i).filter((card) => card.series.run === series.run).length;
    return dashAt(before);
  });
}

/** The order in which a series processes timesteps, from which its lags count. */
export function directionOf({ entry }: Series): Direction {
  return entry.metadata.direction === "backward" ? "backward" : "forward";
}

export function flagColour(flag: Flag): string {
  return `var(--rg-${flag})`;
}

/** A series whose flow has arrived, with its map. */
export interface Drawn extends FlowCard {
  history: FlowHistory;
  /** The statistic itself, and the map drawn of it: the same, or relative to each step's largest value. */
  absolute: Tensor;
  picture: Tensor;
}
