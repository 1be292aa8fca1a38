import { describe, expect, it } from "vitest";
import { type Extent, edgesOf, placer, type Scale } from "../src/colour/scale";
import type { Apart, Histogram } from "../src/data/types";
import {
  axisAt,
  axisOf,
  baseLine,
  binsAt,
  binsFor,
  binsTable,
  countsOf,
  layRidges,
  mostShare,
  outline,
  ownAxes,
  ridgeAt,
  signedScale,
  stepsTable,
} from "../src/maths/bins";

const EXTENT: Extent = { least: -2, greatest: 5, magnitude: 5, small: 1e-4 };
const SCALES: Record<string, Scale> = {
  linear: { name: "linear", low: -1, high: 1, threshold: 0.5 },
  symlog: { name: "symlog", low: -1, high: 1, threshold: 1e-3 },
  log: { name: "log", low: 1e-3, high: 1, threshold: 1e-3 },
};
const NONE: Apart = { below: 0, above: 0, zero: 0, nan: 0, posinf: 0, neginf: 0, padding: 0 };

describe("the axis", () => {
  it("runs from end to end of the values, whatever the colour range", () => {
    for (const name of ["linear", "symlog"]) {
      const axis = axisOf(EXTENT, SCALES[name]);
      expect([axis.low, axis.high]).toEqual([-5, 5]);
      expect(axis.threshold).toBe(SCALES[name].threshold);
    }
  });

  it("covers magnitudes for log, and extends well below the smallest typical value", () => {
    const axis = axisOf(EXTENT, SCALES.log);
    expect(axis.high).toBe(5);
    expect(axis.low).toBeCloseTo(1e-7, 12);
    expect(placer(axis)(1e-6)).toBeGreaterThan(0);
  });

  it("never exceeds the range of float32", () => {
    const axis = axisOf({ ...EXTENT, magnitude: 1e-43, small: 1e-44 }, SCALES.log);
    expect(axis.low).toBe(2 ** -149);
    expect(axis.high).toBeGreaterThan(axis.low);
  });

  it("exists even if no finite value but 0 was logged", () => {
    const nothing = { least: Number.NaN, greatest: Number.NaN, magnitude: Number.NaN, small: Number.NaN };
    for (const scale of Object.values(SCALES)) {
      const edges = edgesOf(axisOf(nothing, scale), 4);
      expect(edges.every((edge, i) => Number.isFinite(edge) && (i === 0 || edge > edges[i - 1]))).toBe(true);
    }
  });
});

describe("edges", () => {
  it("are equally spaced on the axis and meet its ends exactly", () => {
    for (const scale of Object.values(SCALES)) {
      const axis = axisOf(EXTENT, scale);
      const edges = edgesOf(axis, 64);
      expect(edges.length).toBe(65);
      expect([edges[0], edges[64]]).toEqual([axis.low, axis.high]);
      const place = placer(axis);
      edges.forEach((edge, i) => {
        expect(place(edge)).toBeCloseTo(i / 64, 9);
      });
    }
  });

  it("include 0 if there are values of both signs", () => {
    expect(edgesOf(axisOf(EXTENT, SCALES.symlog))[32]).toBe(0);
    expect(edgesOf(axisOf(EXTENT, SCALES.linear))[32]).toBe(0);
  });
});

describe("counts", () => {
  it("of real cells exclude padding alone", () => {
    const apart = { below: 1, above: 2, zero: 3, nan: 4, posinf: 5, neginf: 6, padding: 7 };
    expect(countsOf([10, 20], apart)).toEqual({
      real: 51,
      padding: 7,
      zero: 3,
      nan: 4,
      posinf: 5,
      neginf: 6,
    });
  });

  it("become shares of the cells of each group", () => {
    const histogram = {
      counts: [
        [
          [1, 1],
          [0, 6],
        ],
      ],
      apart: [[{ ...NONE, nan: 2 }, NONE]],
    } as unknown as Histogram;
    const bins = binsAt(histogram, 0);
    expect(bins.map(({ cells }) => cells)).toEqual([4, 6]);
    expect(mostShare(bins)).toBe(1);
    expect(mostShare(bins.slice(0, 1))).toBe(0.25);
    expect(mostShare([])).toBe(1);
  });
});

describe("axes of each gate", () => {
  const histogram = (axis: Scale, counts: number[][][], gates: Scale[] | null = null) =>
    ({
      request: { axis, gates },
      groups: [
        ["i", 2],
        ["f", 2],
      ],
      edges: counts[0].map((_, group) => edgesOf(gates?.[group] ?? axis, counts[0][0].length)),
      steps: counts.map((_, step) => [step, 0]),
      counts,
    }) as unknown as Histogram;

  it("end at the extremes of the gate over all steps, symmetric about 0", () => {
    const axis = { ...SCALES.linear, low: -8, high: 8 };
    const narrow = [0, 0, 0, 2, 1, 0, 0, 0];
    const wide = [0, 0, 0, 0, 1, 0, 0, 3];
    const nothing = narrow.map(() => 0);
    const [first, second] = ownAxes(
      histogram(axis, [
        [narrow, nothing],
        [nothing, wide],
      ]),
    );
    expect([first.low, first.high, first.threshold]).toEqual([-2, 2, 0.5]);
    expect([second.low, second.high]).toEqual([-8, 8]);
    expect(ownAxes(histogram(axis, [[nothing, nothing]]))).toEqual([axis, axis]);
  });

  it("cover the gate's magnitudes for log", () => {
    const [axis] = ownAxes(
      histogram({ ...SCALES.log, low: 1e-4, high: 1, threshold: 1e-4 }, [
        [
          [0, 1, 0, 0],
          [1, 0, 0, 0],
        ],
      ]),
    );
    expect([axis.low, axis.high].map((end) => Number(end.toPrecision(6)))).toEqual([1e-3, 1e-2]);
    expect(axis.threshold).toBe(axis.low);
  });

  it("are saved with the edges of each gate", () => {
    const gates = [1, 10].map((high) => ({ ...SCALES.linear, low: -high, high }));
    const own = {
      ...histogram(
        SCALES.linear,
        [
          [
            [3, 4],
            [5, 6],
          ],
        ],
        gates,
      ),
      apart: [[NONE, NONE]],
    };
    expect(binsTable(own, 0)).toEqual({
      index: ["bin", [0, 1]],
      names: ["i from", "i to", "i", "f from", "f to", "f"],
      columns: [
        [-1, 0],
        [0, 1],
        [3, 4],
        [-10, 0],
        [0, 10],
        [5, 6],
      ],
    });
    expect(stepsTable(own).names).toEqual(["i -1 to 0", "i 0 to 1", "f -10 to 0", "f 0 to 10"]);
    expect(axisAt(own, 1)).toBe(gates[1]);
    expect(binsFor(256, 16)).toBe(127);
  });
});

describe("ridges", () => {
  it("fill the plot from the first ridge's top to the last ridge's base line", () => {
    for (const count of [1, 2, 49, 100]) {
      const ridges = layRidges(count, 300);
      expect(baseLine(0, ridges) - ridges.amplitude).toBe(0);
      if (count > 1) expect(baseLine(count - 1, ridges)).toBeCloseTo(300, 9);
    }
  });

  it("are found at their base lines, and between these by the nearest one", () => {
    const ridges = layRidges(10, 200);
    for (let i = 0; i < 10; i++) expect(ridgeAt(baseLine(i, ridges), 10, ridges)).toBe(i);
    expect(ridgeAt(baseLine(3, ridges) + 0.4 * ridges.spacing, 10, ridges)).toBe(3);
    expect(ridgeAt(-50, 10, ridges)).toBe(0);
    expect(ridgeAt(900, 10, ridges)).toBe(9);
  });

  it("have heights in proportion to their shares", () => {
    const points = outline({ counts: [1, 0, 2], cells: 8 }, 0.5, 30, 100, 40);
    expect(points).toEqual([
      [0, 100],
      [5, 90],
      [15, 100],
      [25, 80],
      [30, 100],
    ]);
  });
});

it("the signed scale extends a range of magnitudes to both signs", () => {
  expect(signedScale({ ...SCALES.symlog, low: 0 }).low).toBe(-1);
  expect(signedScale(SCALES.log)).toEqual(SCALES.log);
});
