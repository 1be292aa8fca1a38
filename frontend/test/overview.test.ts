import { describe, expect, it } from "vitest";
import type { Series } from "../src/data/series";
import { headline } from "../src/maths/flow/headline";
import { historyOf } from "../src/maths/flow/history";
import { grouped } from "../src/maths/flow/overview_groups";
import { lineOf, type OverviewLine, reachedSince, trend } from "../src/maths/flow/overview_line";
import { furthest, sorted } from "../src/maths/flow/overview_order";
import { sparkline } from "../src/maths/paths";
import { INITIAL } from "../src/state/state";
import { decaying, earlier, flowOfSamples } from "./flows";

const NAN = Number.NaN;

function series(run: string, tag = "lstm"): Series {
  const metadata = { description: "", quantity: "hidden_state_gradient" };
  return { run, tag, entry: { metadata, steps: [], samples: 1 } };
}

/** The history of norms a^lag over 30 lags, with one value of a for each step. */
function historyOfDecays(...of: number[]) {
  const flow = flowOfSamples(
    of.map((a) => [decaying(a, 30)]),
    { dead_share: of.map(() => 0.25) },
  );
  return historyOf(flow, "hidden_state_gradient", INITIAL);
}

function lineAt(history: ReturnType<typeof historyOfDecays>, step: number): OverviewLine {
  return lineOf({ series: series("run"), colour: "#000", history, progress: null }, step, INITIAL);
}

const just = (mid: number) => ({ low: NAN, mid, high: NAN });

function line(change: Partial<OverviewLine>): OverviewLine {
  return { ...lineAt(historyOfDecays(0.5), 0), ...change };
}

describe("a line of the overview", () => {
  const history = historyOfDecays(0.11, 0.3, 0.9, 0.5);

  it("gives horizon, half-life, far end, flags and dead channels at the step", () => {
    const last = lineAt(history, 30);
    expect([last.step, last.horizon.mid, last.lags]).toEqual([30, 6, 29]);
    expect(last.halfLife.mid).toBeCloseTo(1, 5);
    expect(last.farEnd.mid).toBeCloseTo(0.5 ** 29, 12);
    expect(last.flags).toEqual(["dead_channels"]);
    expect(last.dead).toBe(0.25);
    expect(trend(last.history)).toEqual({ from: 2, change: 4 });
  });

  it("gives the worst flag of the whole training, and when it first rose", () => {
    expect(lineAt(history, 30).worst).toEqual({ flag: "vanishing", step: 0 });
  });

  it("describes the nearest logged step", () => {
    const early = lineAt(history, 12);
    expect([early.step, early.horizon.mid, [...early.history]]).toEqual([10, 3, [2, 3]]);
  });

  it("gives the step since which the horizon was never below half of its value", () => {
    expect(lineAt(history, 30).since).toBe(10); // 3, 29, 6
    expect(reachedSince(Float64Array.of(9, 2, 4, 8), 3)).toBe(2);
    expect(reachedSince(Float64Array.of(9, NAN, 8), 2)).toBe(2);
    expect(reachedSince(Float64Array.of(1, NAN), 1)).toBeNull();
  });
});

describe("the verdict", () => {
  const verdict = (norms: number[][], change = {}, quantity = "hidden_state_gradient") => {
    const entry = { metadata: { description: "", quantity }, steps: [], samples: 1 };
    const history = historyOf(flowOfSamples([norms], change), quantity, INITIAL);
    const judged = { series: { run: "run", tag: "lstm", entry }, colour: "#000", history, progress: null };
    return (progress: { tag: string; first: number; last: number } | null = null) =>
      lineOf({ ...judged, progress }, 0, INITIAL).verdict;
  };

  it("is yes if the median sample's gradient reaches nine tenths of the sequence", () => {
    const { answer, claims } = verdict([decaying(0.99, 60)])();
    expect(answer).toBe("yes");
    expect(claims[0].text).toContain("reaches all 59 timesteps back, 55.3\u00a0% left at the far end");
  });

  it("is no if the gradient vanishes, explodes or is not finite, with the reason", () => {
    expect(verdict([decaying(0.5, 80)])().answer).toBe("no");
    expect(verdict([decaying(0.6, 30)])().answer).toBe("no"); // 9 of 29, and 4e-7 at the far end
    expect(verdict([decaying(0.6, 30), decaying(0.99, 30)])().answer).not.toBe("no");
    const exploding = verdict([decaying(2, 30)])();
    expect([exploding.answer, exploding.claims[0].text]).toEqual([
      "no",
      "exploding: the median sample's norm grows ×5.37e8 on its way back; 1 of 1 samples explodes, worst: sample 0, ×5.37e8 by lag 29",
    ]);
    const broken = verdict([[1, 1, 1]], { nan_share: [0, 0.5, 0] })();
    expect([broken.answer, broken.claims[0].shows]).toEqual(["no", "nonfinite"]);
  });

  it("is unknown in between, for one timestep, without a gradient, or if the loss did not fall", () => {
    expect(verdict([decaying(0.7, 30)])().answer).toBe("unknown"); // 12 of 29
    expect(verdict([[1]])().claims[0].text).toContain("no sample can be judged");
    expect(verdict([[0, 0, 0]])().answer).toBe("unknown");
    const far = verdict([decaying(1, 30)]);
    expect(far({ tag: "loss", first: 2, last: 1 }).answer).toBe("yes");
    const stuck = far({ tag: "loss", first: 2, last: 2.5 });
    expect([stuck.answer, stuck.claims[1].text]).toEqual([
      "unknown",
      "loss has not fallen: 2 at first, 2.5 now",
    ]);
  });

  it("is unknown for a quantity that the recurrence does not carry", () => {
    expect(verdict([decaying(1, 30)], {}, "output_gradient")().claims[0].text).toContain("not carried back");
  });

  it("is unknown for an earlier log whose samples differ in length", () => {
    const flow = earlier(flowOfSamples([[decaying(1, 30), decaying(1, 9)]]));
    const history = historyOf(flow, "hidden_state_gradient", INITIAL);
    const found = lineAt(history, 0);
    expect([found.verdict.answer, found.verdict.claims[0].text]).toEqual([
      "unknown",
      "an earlier version logged this, and samples differ in length",
    ]);
    expect(headline([found])).toContain("Cannot say how far back");
  });
});

describe("the lines", () => {
  const named = [5, NAN, 9, 7].map((mid) => line({ horizon: just(mid) }));
  const horizons = (lines: OverviewLine[]) => lines.map(({ horizon }) => horizon.mid);

  it("are sorted in either direction, with unknown values last", () => {
    expect(horizons(sorted(named, "horizon"))).toEqual([5, 7, 9, NAN]);
    expect(horizons(sorted(named, "-horizon"))).toEqual([9, 7, 5, NAN]);
  });

  it("are ranked by the far end if the horizon is the whole sequence", () => {
    const whole = [0.1, 0.4, 0.2].map((left) => line({ horizon: just(29), farEnd: just(left) }));
    const ranked = sorted([...whole, line({ horizon: just(28), farEnd: just(0.9) })], "-horizon");
    expect(ranked.map(({ farEnd }) => farEnd.mid)).toEqual([0.4, 0.2, 0.1, 0.9]);
  });

  it("are sorted by name, by worst flag, and by half-life with growing norms after all others", () => {
    const two = [line({ name: "run 10", halfLife: just(-3) }), line({ name: "run 9", halfLife: just(8) })];
    expect(sorted(two, "run").map((one) => one.name)).toEqual(["run 9", "run 10"]);
    expect(sorted(two, "-halfLife").map((one) => one.name)).toEqual(["run 10", "run 9"]);
    const flags = [line({ worst: null }), line({ worst: { flag: "vanishing", step: 0 } })];
    flags.push(line({ worst: { flag: "non_finite", step: 0 } }));
    expect(sorted(flags, "-flag").map(({ worst }) => worst?.flag)).toEqual([
      "non_finite",
      "vanishing",
      undefined,
    ]);
  });

  it("give for each run the one that reaches furthest, the furthest first", () => {
    const of = [
      line({ name: "a", series: series("a", "1"), horizon: just(3) }),
      line({ name: "b", series: series("b", "1"), horizon: just(4) }),
      line({ name: "a", series: series("a", "2"), horizon: just(8) }),
    ];
    expect(furthest(of).map((one) => [one.series.run, one.series.tag])).toEqual([
      ["a", "2"],
      ["b", "1"],
    ]);
  });

  it("give for a group the mean, the least, the most, and the flags of at least half of its runs", () => {
    const of = (run: string, mid: number, change: Partial<OverviewLine> = {}) =>
      line({ name: run, series: series(run), horizon: just(mid), flags: [], ...change });
    const [group, alone] = grouped(
      [of("a1", 10, { flags: ["vanishing"] }), of("a2", 20), of("b", 5)],
      (run) => (run.startsWith("a") ? "a" : null),
    );
    expect([group.name, group.horizon, group.members.length]).toEqual([
      "a",
      { low: 10, mid: 15, high: 20 },
      2,
    ]);
    expect(group.flags).toEqual(["vanishing"]);
    expect(group.verdict.claims.map(({ text }) => text)[1]).toContain("10 to 20 of 29 timesteps back");
    expect([alone.name, alone.members]).toEqual(["b", []]);
  });
});

describe("the headline", () => {
  const run = (name: string, mid: number, change: Partial<OverviewLine> = {}) =>
    line({ name, series: series(name), horizon: just(mid), lags: 63, since: 0, flags: [], ...change });
  const said = (...lines: OverviewLine[]) => headline(furthest(lines));
  const whole = (name: string, left: number) => run(name, 63, { farEnd: just(left) });

  it("names the run that reaches furthest", () => {
    expect(said(run("a", 12))).toBe("The gradient of a reaches back 12 of 63 timesteps");
    expect(said(run("a", 12), run("b", 40))).toBe("b reaches furthest back: 40 of 63 timesteps");
  });

  it("praises no run if none reaches back", () => {
    expect(said(run("a", 0), run("b", 0))).toBe("No gradient reaches back in time");
    expect(said(run("a", 0))).toBe("No gradient reaches back in time");
    const exploding = run("b", 40, { flags: ["exploding"] });
    expect(said(run("a", 0), exploding)).toBe("No sound gradient reaches back in time");
  });

  it("names all runs that reach equally far, and the earliest of them", () => {
    expect(said(run("a", 60), run("b", 60))).toBe("a and b reach back equally far: 60 of 63 timesteps");
    const later = run("a", 60, { since: 90 });
    expect(said(later, run("b", 60))).toContain("a and b reach back equally far, b the earliest: 60");
    expect(said(...["a", "b", "c", "d"].map((name) => run(name, 60)))).toContain("4 runs reach");
  });

  it("ranks by the far end if gradients reach the whole sequence", () => {
    expect(said(whole("a", 0.31))).toBe(
      "The gradient of a reaches back all 63 timesteps: 31\u00a0% of the largest norm is left there",
    );
    expect(said(whole("a", 0.1), whole("b", 0.3))).toBe(
      "b keeps most of the gradient: about 30\u00a0% of the largest norm is left 63 timesteps back",
    );
    expect(said(whole("a", 0.299), whole("b", 0.3))).toContain("b and a keep most");
  });

  it("does not praise gradients that explode or are not finite", () => {
    const broken = run("a", 63, { flags: ["exploding"] });
    expect(said(broken, run("b", 4))).toBe("b reaches furthest back: 4 of 63 timesteps");
    expect(said(broken)).toBe("No gradient is sound: it explodes, or is not finite");
    expect(said(run("a", NAN))).toBe("Cannot say how far back the gradient reaches: no sample can be judged");
  });
});

describe("a sparkline", () => {
  it("runs from 0 to the largest value, and leaves out gaps", () => {
    expect(sparkline(Float64Array.of(0, NAN, 4, 2), 90, 20)).toBe("0.0,20.0 60.0,0.0 90.0,10.0");
    expect(sparkline(Float64Array.of(3), 90, 20)).toBe("90.0,0.0");
  });

  it("has no more points than can be seen, including the last", () => {
    const points = sparkline(
      Float64Array.from({ length: 5000 }, (_, i) => i),
      90,
      20,
    ).split(" ");
    expect(points.length).toBeLessThanOrEqual(61);
    expect(points.at(-1)).toBe("90.0,0.0");
  });
});
