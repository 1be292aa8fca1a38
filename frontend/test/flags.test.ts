import { describe, expect, it } from "vitest";
import type { Flow } from "../src/data/types";
import { rises, worst } from "../src/maths/flow/flags";
import { historyOf, type Limits } from "../src/maths/flow/history";
import { beyondWords, flagReason, samplesBeyond } from "../src/maths/flow/samples";
import { INITIAL } from "../src/state/state";
import { decaying, earlier, flowOfSamples } from "./flows";

const HIDDEN = "hidden_state_gradient";

/** A flow of one step, from the norms by lag of several samples or of one. */
function flowOf(norms: number[] | number[][], change: Record<string, number[]> = {}): Flow {
  return flowOfSamples([Array.isArray(norms[0]) ? (norms as number[][]) : [norms as number[]]], change);
}

function historyAt(flow: Flow, quantity = HIDDEN, limits: Partial<Limits> = {}) {
  return historyOf(flow, quantity, { ...INITIAL, ...limits });
}

function flags(flow: Flow, quantity = HIDDEN, limits: Partial<Limits> = {}) {
  return historyAt(flow, quantity, limits).flags[0];
}

const lags = (a: number, count: number) => decaying(a, count);

describe("vanishing", () => {
  it("is up if the median sample's horizon is below a share of its lags", () => {
    expect(flags(flowOf(lags(0.5, 62)))).toEqual(["vanishing"]); // 6 of 61
    expect(flags(flowOf(lags(0.5, 61)))).toEqual([]); // 6 of 60, not below a tenth
    expect(flags(flowOf(lags(0.5, 61)), HIDDEN, { vanishing: 0.2 })).toEqual(["vanishing"]);
    expect(flags(flowOf(lags(0.5, 62)), HIDDEN, { eps: 0.001 })).toEqual([]);
  });

  it("counts the lags of the median sample, and needs at least two", () => {
    expect(flags(flowOf([lags(0.5, 20), lags(0.5, 20), lags(0.5, 90)]))).toEqual([]); // 6 of 19
    expect(flags(flowOf([1]))).toEqual([]);
  });

  it("is not judged without a gradient", () => {
    expect(flags(flowOf(new Array(50).fill(0)))).toEqual([]);
  });

  it("reports how many samples vanish", () => {
    const flow = flowOf([lags(0.5, 80), lags(0.5, 80), lags(1, 80)]);
    const said = flagReason("vanishing", historyAt(flow), 0, INITIAL);
    expect(said).toBe("the median sample's horizon is 6 of 79 timesteps; 2 of 3 samples vanish");
  });
});

describe("exploding", () => {
  it("is up if the median sample's norm grows beyond the threshold", () => {
    expect(flags(flowOf(lags(2, 11)))).toEqual(["exploding"]); // 1024
    expect(flags(flowOf(lags(2, 10)))).toEqual([]); // 512
    expect(flags(flowOf(lags(2, 10)), HIDDEN, { exploding: 500 })).toEqual(["exploding"]);
  });

  it("is not up for a jump at one timestep, nor for a few samples that explode", () => {
    expect(flags(flowOf([1, 1e9, 1]))).toEqual([]);
    const few = flowOf([lags(1, 12), lags(1, 12), lags(2, 12)]);
    expect(flags(few)).toEqual([]);
    expect(beyondWords("exploding", historyAt(few), 0, INITIAL)).toBe(
      "1 of 3 samples explodes, worst: sample 2, ×2048 by lag 11",
    );
  });

  it("counts samples only by the thresholds used while logging", () => {
    const history = historyAt(flowOf(lags(2, 12)));
    expect(samplesBeyond("exploding", history, 0, INITIAL)).toEqual({ count: 1, of: 1 });
    expect(samplesBeyond("exploding", history, 0, { ...INITIAL, exploding: 999 })).toBeNull();
    expect(samplesBeyond("vanishing", history, 0, { ...INITIAL, eps: 0.1 })).toBeNull();
    expect(
      samplesBeyond("exploding", historyAt(flowOf(lags(2, 12)), "output_gradient"), 0, INITIAL),
    ).toBeNull();
  });

  it("cannot be judged for an earlier log", () => {
    expect(flags(earlier(flowOf(lags(2, 11))))).toEqual([]);
    expect(flags(earlier(flowOf(lags(0.5, 62))))).toEqual(["vanishing"]);
    expect(flags(earlier(flowOf([lags(0.5, 62), lags(0.5, 20)])))).toEqual([]);
  });
});

describe("cut", () => {
  const stopping = (at: number, count: number) => lags(1, count).map((norm, lag) => (lag < at ? norm : 0));

  it("is up if all samples that are long enough stop at the same lag in exact zeros", () => {
    const flow = flowOf([stopping(32, 128), stopping(32, 100), lags(1, 20)]);
    expect(flags(flow)).toEqual(["cut"]);
    expect(flagReason("cut", historyAt(flow), 0, INITIAL)).toBe(
      "the gradient stops at exactly 32 of 128 timesteps in all 2 samples that are longer",
    );
  });

  it("is not up where dead units, underflow or missing masks explain the zeros", () => {
    expect(flags(flowOf([stopping(32, 128), stopping(31, 128)]))).toEqual([]);
    expect(flags(flowOf([stopping(32, 128), lags(1, 128)]))).toEqual([]);
    expect(flags(flowOf([stopping(32, 128)]))).toEqual([]);
    expect(flags(flowOf([stopping(1, 5), stopping(1, 5)]))).toEqual(["vanishing"]);
    const faint = flowOf([stopping(32, 128), stopping(32, 128)], { stop_margin: [10] });
    expect(flags(faint)).toEqual([]);
  });

  it("is not up if the gradient reaches the far end, nor for what no recurrence carries", () => {
    expect(flags(flowOf([lags(1, 50), lags(1, 50)]))).toEqual([]);
    expect(flags(flowOf([stopping(32, 128), stopping(32, 128)]), "output_gradient")).toEqual([]);
  });
});

describe("flags", () => {
  it("judge vanishing and exploding only for quantities that flow back through time", () => {
    for (const quantity of [HIDDEN, "cell_state_gradient", "gate_gradient", "input_gradient"])
      expect(flags(flowOf(lags(2, 11)), quantity)).toEqual(["exploding"]);
    expect(flags(flowOf(lags(2, 11)), "output_gradient")).toEqual([]);
    expect(flags(flowOf(lags(0.1, 80)), "hidden_state")).toEqual([]);
  });

  it("report values that are not finite, and then nothing that those spoil", () => {
    const shares = {
      nan_share: [0, 0.25, 0],
      inf_share: [0, 0.25, Number.NaN],
      dead_share: [0.5],
    };
    expect(flags(flowOf([1, Number.NaN, 1e9], shares))).toEqual(["non_finite", "dead_channels"]);
    expect(flags(flowOf([1, Number.POSITIVE_INFINITY, 0]))).toEqual([]); // norms that overflow float32
    expect(flags(flowOf([1, 1, 1], shares), HIDDEN, { nonfinite: 0.5, dead: 0.5 })).toEqual([]);
  });

  it("report dead channels if there is a time axis", () => {
    const dead = (timesteps: number) => flowOf(lags(1, timesteps), { dead_share: [1] });
    for (const quantity of [HIDDEN, "output_gradient", "hidden_state", "other"]) {
      expect(flags(dead(2), quantity)).toEqual(["dead_channels"]);
      expect(flags(dead(1), quantity)).toEqual([]);
    }
    for (const quantity of ["weight", "weight_gradient", "state_jacobian", "itemized_gradient"])
      expect(flags(dead(2), quantity)).toEqual([]);
  });

  it("do not report dead channels if the log does not hold their share", () => {
    expect(flags({ ...flowOf([1, 1], { dead_share: [1] }), batch: {} })).toEqual([]);
  });

  it("are judged again when a threshold changes", () => {
    const flow = flowOf(lags(2, 10));
    expect([flags(flow), flags(flow, HIDDEN, { exploding: 100 }), flags(flow)]).toEqual([
      [],
      ["exploding"],
      [],
    ]);
  });
});

describe("the history of flags", () => {
  it("rises when a flag comes up that was not up before", () => {
    const history = [["vanishing"], ["vanishing"], [], ["exploding", "vanishing"], ["exploding"]] as const;
    const known = new Float64Array(5);
    const found = { reach: known, growth: known, cut: known, nonfinite: known, dead: known };
    expect(
      rises(
        history.map((now) => [...now]),
        found,
      ),
    ).toEqual([
      { index: 0, risen: ["vanishing"] },
      { index: 3, risen: ["exploding", "vanishing"] },
    ]);
    expect(worst(history.map((now) => [...now]))).toEqual({ flag: "exploding", index: 3 });
    expect(worst([[], []])).toBeNull();
  });

  it("does not rise again after steps at which it cannot be judged", () => {
    const fading = lags(0.1, 40);
    const broken = fading.map((norm, lag) => (lag === 20 ? Number.NaN : norm));
    const steps = [fading, broken, fading, lags(1, 40), fading];
    const flow = flowOfSamples(
      steps.map((norms) => [norms]),
      { nan_share: steps.flatMap((norms) => norms.map(() => (norms === broken ? 0.5 : 0))) },
    );
    const history = historyOf(flow, HIDDEN, INITIAL);
    expect(history.flags).toEqual([["vanishing"], ["non_finite"], ["vanishing"], [], ["vanishing"]]);
    expect(rises(history.flags, history.evidence)).toEqual([
      { index: 0, risen: ["vanishing"] },
      { index: 1, risen: ["non_finite"] },
      { index: 4, risen: ["vanishing"] },
    ]);
  });
});
