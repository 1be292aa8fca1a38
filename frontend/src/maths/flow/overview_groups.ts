import { short } from "../../colour/ticks";
import { FLAGS, type Flag } from "./flags";
import type { Middle } from "./flow";
import type { OverviewLine } from "./overview_line";
import { percent } from "./samples";
import { ANSWERS, type Answer, type Verdict } from "./verdict";

/** One line for the runs of each group and tag, in the order of first appearance. A lone run keeps its own line. */
export function grouped(
  lines: readonly OverviewLine[],
  groupOf: (run: string) => string | null,
): OverviewLine[] {
  const groups = new Map<string, OverviewLine[]>();
  for (const line of lines) {
    const { run, tag } = line.series;
    const key = JSON.stringify([groupOf(run) ?? run, tag, groupOf(run) === null]);
    groups.set(key, [...(groups.get(key) ?? []), line]);
  }
  return [...groups.values()].map((members) =>
    members.length === 1 ? members[0] : joined(groupOf(members[0].series.run) as string, members),
  );
}

/** The mean over runs, with the least and the most. A flag is up if at least half of the runs have it. */
function joined(name: string, members: readonly OverviewLine[]): OverviewLine {
  const [first] = members;
  const over = (of: (line: OverviewLine) => number): Middle => {
    const known = members.map(of).filter((value) => !Number.isNaN(value));
    if (known.length === 0) return { low: Number.NaN, mid: Number.NaN, high: Number.NaN };
    return { low: Math.min(...known), mid: meanOf(known), high: Math.max(...known) };
  };
  const having = (flag: Flag) => members.filter(({ flags }) => flags.includes(flag)).length;
  const flags = FLAGS.filter((flag) => 2 * having(flag) >= members.length);
  const shortest = Math.min(...members.map(({ history }) => history.length));
  const history = Float64Array.from({ length: shortest }, (_, i) =>
    meanOf(members.map((line) => line.history[i]).filter((value) => !Number.isNaN(value))),
  );
  const [horizon, farEnd] = [over((line) => line.horizon.mid), over((line) => line.farEnd.mid)];
  const lags = over((line) => line.lags).mid;
  const worstOf = FLAGS.find((flag) => members.some((line) => line.worst?.flag === flag));
  const firsts = members.flatMap((line) => (line.worst?.flag === worstOf ? (line.worst?.step ?? []) : []));
  return {
    ...first,
    name,
    members,
    horizon,
    lags,
    history,
    farEnd,
    halfLife: over(({ halfLife }) => halfLife.mid),
    r2: over(({ r2 }) => r2).mid,
    samples: over(({ samples }) => samples).mid,
    since: over(({ since }) => since).high,
    flags,
    reasons: Object.fromEntries(flags.map((flag) => [flag, `in ${having(flag)} of ${members.length} runs`])),
    asides: FLAGS.filter((flag) => having(flag) && !flags.includes(flag)).map(
      (flag) => `${having(flag)} of ${members.length} runs: ${flag.replace("_", " ")}`,
    ),
    worst: worstOf ? { flag: worstOf, step: Math.min(...firsts) } : null,
    dead: over(({ dead }) => dead).mid,
    earlier: members.some(({ earlier }) => earlier),
    verdict: joinedVerdict(members, horizon, lags, farEnd),
  };
}

function joinedVerdict(
  members: readonly OverviewLine[],
  horizon: Middle,
  lags: number,
  farEnd: Middle,
): Verdict {
  const counts = (Object.keys(ANSWERS) as Answer[]).flatMap((answer) => {
    const count = members.filter((line) => line.verdict.answer === answer).length;
    return count ? [{ answer, said: `${ANSWERS[answer]} in ${count} of ${members.length} runs` }] : [];
  });
  const reach = Number.isNaN(horizon.mid)
    ? []
    : [`${short(horizon.low)} to ${short(horizon.high)} of ${short(lags)} timesteps back`];
  const left = Number.isNaN(farEnd.mid)
    ? []
    : [`${percent(farEnd.low)} to ${percent(farEnd.high)} left at the far end`];
  const texts = [counts.map(({ said }) => said).join(", "), [...reach, ...left].join(", ")].filter(Boolean);
  return {
    answer: counts.length === 1 ? counts[0].answer : "unknown",
    claims: texts.map((text) => ({ text, shows: "flow" })),
  };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
