import { describe, expect, it } from "vitest";
import type { Flow } from "../src/data/types";
import { INITIAL } from "../src/state";
import { courseOf, type Limits } from "../src/views/course";
import { rises, worst } from "../src/views/flags";

const HIDDEN = "hidden_state_gradient";

/** A flow of one step, of given norms by lag. */
function flowOf(norms: number[], change: Record<string, number[]> = {}): Flow {
  const columns = {
    lag_norm_mean: norms,
    lag_real_samples: norms.map((norm) => (Number.isNaN(norm) ? 0 : 2)),
    nan_share: norms.map(() => 0),
    inf_share: norms.map(() => 0),
    dead_share: norms.map(() => 0),
    ...change,
  };
  return {
    steps: [[0, 1]],
    timesteps: norms.length,
    columns: Object.fromEntries(Object.entries(columns).map(([name, of]) => [name, Float32Array.from(of)])),
  };
}

function flags(flow: Flow, quantity = HIDDEN, limits: Partial<Limits> = {}) {
  return courseOf(flow, quantity, { ...INITIAL, ...limits }).flags[0];
}

const lags = (a: number, count: number) => Array.from({ length: count }, (_, lag) => a ** lag);

describe("vanishing", () => {
  it("is a horizon below a share of the largest lag", () => {
    expect(flags(flowOf(lags(0.5, 62)))).toEqual(["vanishing"]); // 6 of 61
    expect(flags(flowOf(lags(0.5, 61)))).toEqual([]); // 6 of 60, not below a tenth
    expect(flags(flowOf(lags(0.5, 61)), HIDDEN, { vanishing: 0.2 })).toEqual(["vanishing"]);
    expect(flags(flowOf(lags(0.5, 62)), HIDDEN, { eps: 0.001 })).toEqual([]);
  });

  it("counts the lags that are real, and needs two", () => {
    expect(flags(flowOf([...lags(0.5, 20), ...new Array(80).fill(Number.NaN)]))).toEqual([]); // 6 of 19
    expect(flags(flowOf([1]))).toEqual([]);
    expect(flags(flowOf([1, Number.NaN]))).toEqual([]);
  });

  it("is not judged where there is no gradient", () => {
    expect(flags(flowOf(new Array(50).fill(0)))).toEqual([]);
  });
});

describe("exploding", () => {
  it("is a largest norm far above that at lag 0", () => {
    expect(flags(flowOf(lags(2, 11)))).toEqual(["exploding"]); // 1024
    expect(flags(flowOf(lags(2, 10)))).toEqual([]); // 512
    expect(flags(flowOf(lags(2, 10)), HIDDEN, { exploding: 500 })).toEqual(["exploding"]);
  });

  it("is undefined where lag 0 is 0", () => {
    expect(flags(flowOf([0, 1e9]))).toEqual([]);
  });
});

describe("flags", () => {
  it("judge vanishing and exploding only of what flows back through time", () => {
    for (const quantity of [HIDDEN, "cell_state_gradient", "gate_gradient", "input_gradient"])
      expect(flags(flowOf(lags(2, 11)), quantity)).toEqual(["exploding"]);
    expect(flags(flowOf(lags(2, 11)), "output_gradient")).toEqual([]);
    expect(flags(flowOf(lags(0.1, 80)), "hidden_state")).toEqual([]);
  });

  it("tell of what is not finite, and of nothing else then that it spoils", () => {
    const shares = {
      lag_real_samples: [2, 2, 2],
      nan_share: [0, 0.25, 0],
      inf_share: [0, 0.25, Number.NaN],
      dead_share: [0.5, 0.5, 0.5],
    };
    expect(flags(flowOf([1, Number.NaN, 1e9], shares))).toEqual(["non_finite", "dead_channels"]);
    expect(flags(flowOf([1, Number.POSITIVE_INFINITY, 0]))).toEqual([]); // norms that overflow float32
    expect(flags(flowOf([1, 1, 1], shares), HIDDEN, { nonfinite: 0.5, dead: 0.5 })).toEqual([]);
  });

  it("tell of dead channels where there is a time axis", () => {
    const dead = (timesteps: number) => flowOf(lags(1, timesteps), { dead_share: lags(1, timesteps) });
    for (const quantity of [HIDDEN, "output_gradient", "hidden_state", "other"]) {
      expect(flags(dead(2), quantity)).toEqual(["dead_channels"]);
      expect(flags(dead(1), quantity)).toEqual([]);
    }
    for (const quantity of ["weight", "weight_gradient", "state_jacobian", "itemized_gradient"])
      expect(flags(dead(2), quantity)).toEqual([]);
  });

  it("know nothing of dead channels where the log does not tell", () => {
    const { dead_share, ...older } = flowOf([1, 1]).columns;
    expect(dead_share.length).toBe(2);
    expect(flags({ ...flowOf([1, 1]), columns: older })).toEqual([]);
  });

  it("are judged anew when a threshold changes", () => {
    const flow = flowOf(lags(2, 10));
    expect([flags(flow), flags(flow, HIDDEN, { exploding: 100 }), flags(flow)]).toEqual([
      [],
      ["exploding"],
      [],
    ]);
  });
});

describe("the course of flags", () => {
  it("rises where one comes that was not there", () => {
    const course = [["vanishing"], ["vanishing"], [], ["exploding", "vanishing"], ["exploding"]] as const;
    const known = new Float64Array(5);
    const found = { reach: known, growth: known, nonfinite: known, dead: known };
    expect(
      rises(
        course.map((now) => [...now]),
        found,
      ),
    ).toEqual([
      { index: 0, risen: ["vanishing"] },
      { index: 3, risen: ["exploding", "vanishing"] },
    ]);
    expect(worst(course.map((now) => [...now]))).toEqual({ flag: "exploding", index: 3 });
    expect(worst([[], []])).toBeNull();
  });

  it("does not rise again after steps at which it cannot be judged", () => {
    const fading = lags(0.1, 40);
    const broken = fading.map((norm, lag) => (lag === 20 ? Number.NaN : norm));
    const steps = [fading, broken, fading, lags(1, 40), fading];
    const of = (value: (norms: number[]) => number) =>
      steps.flatMap((norms) => norms.map(() => value(norms)));
    const flow = {
      ...flowOf(fading, {
        lag_norm_mean: steps.flat(),
        lag_real_samples: of(() => 2),
        nan_share: of((norms) => (norms === broken ? 0.5 : 0)),
        inf_share: of(() => 0),
        dead_share: of(() => 0),
      }),
      steps: steps.map((_, step): [number, number] => [step, step]),
    };
    const course = courseOf(flow, HIDDEN, INITIAL);
    expect(course.flags).toEqual([["vanishing"], ["non_finite"], ["vanishing"], [], ["vanishing"]]);
    expect(rises(course.flags, course.evidence)).toEqual([
      { index: 0, risen: ["vanishing"] },
      { index: 1, risen: ["non_finite"] },
      { index: 4, risen: ["vanishing"] },
    ]);
  });
});
