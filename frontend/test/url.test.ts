import { describe, expect, it } from "vitest";
import { INITIAL, type State } from "../src/state/state";
import { readHash, writeHash } from "../src/state/url";

describe("the state in the URL", () => {
  const changed: State = {
    ...INITIAL,
    runs: ["a,b", "c&d=e", "ünï/%"],
    tags: [],
    runFilter: "^lstm (1|2)$",
    step: 0,
    show: "max_abs",
    scale: "log",
    map: "viridis",
    limit: 1e-9,
    pinned: [["a,b", "g[0]"]],
    swipe: 0.25,
    comparison: "swipe",
    range: "runs",
    plots: 256,
    firstPlot: 512,
    firstTimesteps: 40,
    pins: [3, 1],
    axes: "timesteps",
    time: "lag",
    order: { by: "correlation", step: -5, show: "rms" },
    backward: "processed",
    window: { c0: 1, c1: 5, t0: 10, t1: 20 },
  };

  it("is read back as it was written", () => {
    expect(readHash(writeHash("#rnngrad", changed))).toEqual(changed);
  });

  it("leaves out what the user did not choose", () => {
    expect(writeHash("#rnngrad", INITIAL)).toBe("#rnngrad");
  });

  it("leaves other keys as they are", () => {
    const hash = writeHash("#rnngrad&regexInput=a%20b&p.rnngrad.step=3", { ...INITIAL, step: 7 });
    expect(hash).toBe("#rnngrad&regexInput=a%20b&p.rnngrad.step=7");
  });

  it("adds the tab's name if the URL lacks it", () => {
    expect(writeHash("", { ...INITIAL, step: 7 })).toBe("#rnngrad&p.rnngrad.step=7");
  });

  it.each([
    "step=x",
    "show=-1",
    "axes=both",
    "order=norm",
    "order=norm@x@0",
    "order=size@3@0",
    "order=norm@3@samples",
    "show=nothing",
    "scale=cubic",
    "runs=[1]",
    "runs={",
    "limit=-2",
    "window=5,2,0,1",
    "map=%",
    "swipe=left",
    'pinned=[["a"]]',
  ])("ignores %s", (part) => {
    expect(readHash(`#rnngrad&p.rnngrad.${part}`)).toEqual(INITIAL);
  });
});
