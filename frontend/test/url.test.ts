import { describe, expect, it } from "vitest";
import { INITIAL, KEYS, type State, settingsOf } from "../src/state/state";
import { readHash, writeHash } from "../src/state/url";

/** A state with a choice for every option, and its link as every version wrote it. */
const CHOSEN: State = {
  view: "curves",
  runs: ["a,b", "c&d=e", "ünï/%"],
  tags: [],
  alone: [["a,b", "g[0]"]],
  runFilter: "^lstm (1|2)$",
  tagFilter: "h",
  step: 0,
  show: "max_abs",
  scale: "log",
  map: "viridis",
  low: -2,
  limit: 1e-9,
  threshold: 0.001,
  range: "runs",
  percentile: 99.5,
  eps: 0.5,
  vanishing: 0,
  exploding: 100,
  nonfinite: 1,
  dead: 0.25,
  sort: "horizon",
  groupBy: "hparam:units",
  groupPattern: "(.)",
  scalars: ["loss"],
  smoothing: 0.6,
  xAxis: "wall",
  flowAxis: "lag",
  flowOf: "zeros",
  flowRelative: false,
  flowShow: "difference",
  flowWindow: { c0: 0, c1: 4, t0: 2, t1: 3 },
  bptt: 16,
  speed: 8,
  loop: false,
  more: true,
  a: ["a", "g"],
  b: ["b", "g"],
  stepB: -3,
  comparison: "swipe",
  swipe: 0.25,
  weightsAs: "norms",
  overSteps: "heatmap",
  bins: 128,
  peaks: 0.05,
  binAxes: "gate",
  columns: 3,
  channel: 0,
  curveSample: 2,
  plots: 256,
  firstPlot: 512,
  firstTimesteps: 40,
  pinned: [["a,b", "g[0]"]],
  sizes: { "a,g": [300, true] },
  pins: [3, 1],
  axes: "timesteps",
  time: "lag",
  order: { by: "correlation", step: -5, show: "rms" },
  backward: "processed",
  window: { c0: 1, c1: 5, t0: 10, t1: 20 },
};
const LINK = `
  view=curves runs=%5B%22a%2Cb%22%2C%22c%26d%3De%22%2C%22%C3%BCn%C3%AF%2F%25%22%5D tags=%5B%5D
  alone=%5B%5B%22a%2Cb%22%2C%22g%5B0%5D%22%5D%5D runFilter=%5Elstm%20(1%7C2)%24 tagFilter=h step=0
  show=max_abs scale=log map=viridis low=-2 limit=1e-9 threshold=0.001 range=runs percentile=99.5
  eps=0.5 vanishing=0 exploding=100 nonfinite=1 dead=0.25 sort=horizon groupBy=hparam%3Aunits
  groupPattern=(.) scalars=%5B%22loss%22%5D smoothing=0.6 xAxis=wall flowAxis=lag flowOf=zeros
  flowRelative=false flowShow=difference bptt=16 speed=8 loop=false more=true
  a=%5B%22a%22%2C%22g%22%5D b=%5B%22b%22%2C%22g%22%5D stepB=-3 comparison=swipe swipe=0.25
  weightsAs=norms overSteps=heatmap bins=128 peaks=0.05 binAxes=gate columns=3 channel=0
  curveSample=2 plots=256 firstPlot=512 firstTimesteps=40
  pinned=%5B%5B%22a%2Cb%22%2C%22g%5B0%5D%22%5D%5D sizes=%5B%5B%22a%2Cg%22%2C%5B300%2Ctrue%5D%5D%5D
  pins=%5B3%2C1%5D axes=timesteps time=lag order=correlation%40-5%40rms backward=processed
  window=1%2C5%2C10%2C20 flowWindow=0%2C4%2C2%2C3
`;

describe("the state in the URL", () => {
  it("is read back as it was written, whatever was chosen", () => {
    const same = KEYS.filter((key) => JSON.stringify(CHOSEN[key]) === JSON.stringify(INITIAL[key]));
    expect(same).toEqual([]);
    expect(readHash(writeHash("#rnngrad", CHOSEN))).toEqual(CHOSEN);
  });

  it("is read from links of earlier versions", () => {
    const hash = LINK.trim()
      .split(/\s+/)
      .map((part) => `&p.rnngrad.${part}`);
    expect(readHash(`#rnngrad${hash.join("")}`)).toEqual(CHOSEN);
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
    "limit=",
    "window=5,2,0,1",
    "map=%",
    "swipe=left",
    "percentile=98",
    "loop=yes",
    "bptt=0",
    "channel=1.5",
    'pinned=[["a"]]',
    'sizes=[["a",[0,true]]]',
  ])("ignores %s", (part) => {
    expect(readHash(`#rnngrad&p.rnngrad.${part}`)).toEqual(INITIAL);
  });
});

describe("the settings", () => {
  it("are how things are drawn, without what is drawn", () => {
    const { view, scale, map, range, percentile, more } = CHOSEN;
    const { eps, vanishing, exploding, nonfinite, dead } = CHOSEN;
    const { flowAxis, flowRelative, smoothing, xAxis, overSteps, bins, plots } = CHOSEN;
    const { speed, loop, pinned, sizes, axes, time } = CHOSEN;
    expect(settingsOf(CHOSEN)).toEqual({
      ...INITIAL,
      ...{ view, scale, map, range, percentile, more },
      ...{ eps, vanishing, exploding, nonfinite, dead },
      ...{ flowAxis, flowRelative, smoothing, xAxis, overSteps, bins, plots },
      ...{ speed, loop, pinned, sizes, axes, time },
    });
  });
});
