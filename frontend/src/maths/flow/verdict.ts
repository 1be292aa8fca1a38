/** Whether a run can learn long dependencies: yes, no, or unknown; and why. */

import { short } from "../../colour/ticks";
import { FLAG_NAMES, type Flag } from "./flags";
import type { Middle } from "./flow";
import { percent } from "./samples";

export type Answer = "yes" | "no" | "unknown";

export const ANSWERS: Record<Answer, string> = { yes: "yes", no: "no", unknown: "cannot say" };

/** One reason, and where to see it: a flow's maps of norms, its maps of NaN and Inf, or the chart of a loss. */
export interface Claim {
  text: string;
  shows: "flow" | "nonfinite" | "loss";
}

export interface Verdict {
  answer: Answer;
  claims: Claim[];
}

/** How a loss changed from its first points to its last. */
export interface Progress {
  tag: string;
  first: number;
  last: number;
}

/** A horizon of at least this share of the sequence counts as long. */
const LONG = 0.9;

/** Less than this share of the largest norm at the far end is nothing: float32 hardly tells it beside the rest. */
const NOTHING_LEFT = 1e-6;

/** What a verdict rests on: fields of an overview's line, and more. */
interface Evidence {
  horizon: Middle;
  lags: number;
  farEnd: Middle;
  flags: readonly Flag[];
  reasons: Partial<Record<Flag, string>>;
  asides: readonly string[];
  earlier: boolean;
  /** Whether the recurrence carries the gradient back. */
  carried: boolean;
  progress: Progress | null;
}

export function verdictOf(of: Evidence): Verdict {
  const { flags, reasons, asides, carried, progress } = of;
  const claim = (text: string): Claim => ({ text, shows: "flow" });
  if (!carried) {
    const text = "this quantity is not carried back by the recurrence: look at a hidden-state gradient";
    return { answer: "unknown", claims: [claim(text)] };
  }
  const broken = (["non_finite", "exploding"] satisfies Flag[]).find((flag) => flags.includes(flag));
  if (broken) {
    const shows = broken === "non_finite" ? "nonfinite" : "flow";
    return { answer: "no", claims: [{ text: `${FLAG_NAMES[broken]}: ${reasons[broken]}`, shows }] };
  }
  const unknown = whyUnknown(of);
  if (unknown) return { answer: "unknown", claims: [claim(unknown)] };
  const loss = progress ? [lossClaim(progress)] : [];
  const cut = reasons.cut ? [claim(`${FLAG_NAMES.cut}: ${reasons.cut}`)] : [];
  const claims = [...cut, claim(reachWords(of)), ...asides.map(claim), ...loss];
  if (flags.includes("vanishing") || of.farEnd.high < NOTHING_LEFT) return { answer: "no", claims };
  const learns = !progress || progress.last < progress.first;
  return { answer: of.horizon.mid >= LONG * of.lags && learns ? "yes" : "unknown", claims };
}

function whyUnknown({ horizon, lags, earlier }: Evidence): string | null {
  if (Number.isNaN(horizon.mid)) {
    return earlier
      ? "an earlier version logged this, and samples differ in length"
      : "no sample can be judged: no gradient, or only at one timestep";
  }
  return lags > 0 ? null : "one timestep has no past";
}

/** How far back the median sample's gradient reaches, and how much of it is left there. */
function reachWords({ horizon, lags, farEnd, earlier }: Evidence): string {
  const far = horizon.mid >= lags ? `all ${short(lags)}` : `${short(horizon.mid)} of ${short(lags)}`;
  const [low, high] = [percent(farEnd.low), percent(farEnd.high)];
  const over = Number.isNaN(farEnd.low) || low === high ? "" : ` (5–95 % of samples: ${low} to ${high})`;
  const left = Number.isNaN(farEnd.mid) ? "" : `, ${percent(farEnd.mid)} left at the far end${over}`;
  return `${earlier ? "the mean gradient " : ""}reaches ${far} timesteps back${left}`;
}

function lossClaim({ tag, first, last }: Progress): Claim {
  const went =
    last < first
      ? `fell from ${short(first)} to ${short(last)}`
      : `has not fallen: ${short(first)} at first, ${short(last)} now`;
  return { text: `${tag} ${went}`, shows: "loss" };
}
