import { describe, expect, it } from "vitest";
import type { Series } from "../src/choices";
import type { Flow } from "../src/data/types";
import { INITIAL } from "../src/state";
import { courseOf } from "../src/views/course";
import {
  furthest,
  headline,
  type Line,
  lineOf,
  reachedSince,
  sorted,
  sparkline,
  trend,
} from "../src/views/overview";

const NAN = Number.NaN;

function series(run: string, tag = "lstm"): Series {
  return { run, tag, entry: { metadata: { description: "" }, steps: [], samples: 1 } };
}

/** A flow of norms a^lag, one a a step. */
function decaying(...of: number[]): Flow {
  const norms = of.flatMap((a) => Array.from({ length: 30 }, (_, lag) => a ** lag));
  const same = (value: number) => Float32Array.from(norms, () => value);
  return {
    steps: of.map((_, i) => [10 * i, i]),
    timesteps: 30,
    columns: {
      lag_norm_mean: Float32Array.from(norms),
      lag_real_samples: same(2),
      nan_share: same(0),
      inf_share: same(0),
      dead_share: same(0.25),
    },
  };
}

function line(change: Partial<Line>): Line {
  const base = lineOf(series("run"), "#000", courseOf(decaying(0.5), "hidden_state_gradient", INITIAL), 0);
  return { ...base, ...change };
}

describe("a line of the overview", () => {
  const course = courseOf(decaying(0.11, 0.3, 0.9, 0.5), "hidden_state_gradient", INITIAL);

  it("tells horizon, half-life, flags and dead channels at the step", () => {
    const last = lineOf(series("run"), "#000", course, 30);
    expect([last.step, last.horizon, last.longest]).toEqual([30, 6, 29]);
    expect(last.halfLife).toBeCloseTo(1, 5);
    expect(last.flags).toEqual(["dead_channels"]);
    expect(last.dead).toBe(0.25);
    expect(trend(last.course)).toEqual({ from: 2, change: 4 });
  });

  it("tells the worst flag of the whole training, and when it first came", () => {
    expect(lineOf(series("run"), "#000", course, 30).worst).toEqual({ flag: "vanishing", step: 0 });
  });

  it("is of the logged step that is nearest", () => {
    const early = lineOf(series("run"), "#000", course, 12);
    expect([early.step, early.horizon, [...early.course]]).toEqual([10, 3, [2, 3]]);
  });

  it("tells since when the horizon was never below half of what it is", () => {
    expect(lineOf(series("run"), "#000", course, 30).since).toBe(10); // 3, 29, 6
    expect(reachedSince(Float64Array.of(9, 2, 4, 8), 3)).toBe(2);
    expect(reachedSince(Float64Array.of(9, NAN, 8), 2)).toBe(2);
    expect(reachedSince(Float64Array.of(1, NAN), 1)).toBeNull();
  });
});

describe("the lines", () => {
  const named = [line({ horizon: 5 }), line({ horizon: NAN }), line({ horizon: 9 }), line({ horizon: 7 })];

  it("are sorted either way, what is not known last", () => {
    expect(sorted(named, "horizon").map(({ horizon }) => horizon)).toEqual([5, 7, 9, NAN]);
    expect(sorted(named, "-horizon").map(({ horizon }) => horizon)).toEqual([9, 7, 5, NAN]);
  });

  it("are sorted by name, by the worst flag, and by half-life where one that grows comes after all", () => {
    const two = [line({ series: series("b"), halfLife: -3 }), line({ series: series("a"), halfLife: 8 })];
    expect(sorted(two, "run").map((one) => one.series.run)).toEqual(["a", "b"]);
    expect(sorted(two, "-halfLife").map((one) => one.series.run)).toEqual(["b", "a"]);
    const flags = [line({ worst: null }), line({ worst: { flag: "vanishing", step: 0 } })];
    flags.push(line({ worst: { flag: "non_finite", step: 0 } }));
    expect(sorted(flags, "-flag").map(({ worst }) => worst?.flag)).toEqual([
      "non_finite",
      "vanishing",
      undefined,
    ]);
  });

  it("of each run, the one that reaches furthest, the furthest first", () => {
    const of = [
      line({ series: series("a", "1"), horizon: 3 }),
      line({ series: series("b", "1"), horizon: 4 }),
      line({ series: series("a", "2"), horizon: 8 }),
    ];
    expect(furthest(of).map((one) => [one.series.run, one.series.tag])).toEqual([
      ["a", "2"],
      ["b", "1"],
    ]);
  });
});

describe("the headline", () => {
  const run = (name: string, horizon: number, change: Partial<Line> = {}) =>
    line({ series: series(name), horizon, longest: 63, since: 0, flags: [], ...change });
  const said = (...lines: Line[]) => headline(furthest(lines));

  it("names the run that reaches furthest", () => {
    expect(said(run("a", 12))).toBe("The gradient of a reaches back 12 of 63 timesteps");
    expect(said(run("a", 12), run("b", 40))).toBe("b reaches furthest back: 40 of 63 timesteps");
  });

  it("praises no run where none reaches back", () => {
    expect(said(run("a", 0), run("b", 0))).toBe("No gradient reaches back in time");
    expect(said(run("a", 0))).toBe("No gradient reaches back in time");
    const exploding = run("b", 40, { flags: ["exploding"] });
    expect(said(run("a", 0), exploding)).toBe("No sound gradient reaches back in time");
  });

  it("names all that reach as far, and the earliest of them", () => {
    expect(said(run("a", 63), run("b", 63))).toBe("a and b reach back equally far: 63 of 63 timesteps");
    const later = run("a", 63, { since: 90 });
    expect(said(later, run("b", 63))).toContain("a and b reach back equally far, b the earliest: 63");
    expect(said(...["a", "b", "c", "d"].map((name) => run(name, 63)))).toContain("4 runs reach");
  });

  it("does not praise what explodes or is not finite", () => {
    const broken = run("a", 63, { flags: ["exploding"] });
    expect(said(broken, run("b", 4))).toBe("b reaches furthest back: 4 of 63 timesteps");
    expect(said(broken)).toBe("No gradient is sound: it explodes, or is not finite");
    expect(said(run("a", NAN))).toBe("No gradient reaches back in time");
  });
});

describe("a sparkline", () => {
  it("goes from 0 to the largest value, and leaves gaps out", () => {
    expect(sparkline(Float64Array.of(0, NAN, 4, 2), 90, 20)).toBe("0.0,20.0 60.0,0.0 90.0,10.0");
    expect(sparkline(Float64Array.of(3), 90, 20)).toBe("90.0,0.0");
  });

  it("has no more points than are seen, the last among them", () => {
    const points = sparkline(
      Float64Array.from({ length: 5000 }, (_, i) => i),
      90,
      20,
    ).split(" ");
    expect(points.length).toBeLessThanOrEqual(61);
    expect(points.at(-1)).toBe("90.0,0.0");
  });
});
