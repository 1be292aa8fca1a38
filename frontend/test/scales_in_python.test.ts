import { describe, expect, it } from "vitest";
import { toCodes } from "../src/colour/bfloat16";
import { type Extent, makeScale, placer, type ScaleName } from "../src/colour/scale";
import { scaleTicks, short } from "../src/colour/ticks";
import { type OrderName, orderChannels } from "../src/maths/heatmap/order";
import answers from "./scales.json";

/** tests/test_scales.py asks Python's figures for the same answers. */
describe("scales and orders, as Python's figures have them", () => {
  for (const { extent, name, signed, low, limit, threshold, ...answer } of answers.scales) {
    it(`${name} for ${extent.join(", ")}`, () => {
      const [least, greatest, magnitude, small] = extent.map((value) => value ?? Number.NaN);
      const of: Extent = { least, greatest, magnitude, small };
      const scale = makeScale(of, { name: name as ScaleName, signed, low, limit, threshold });
      expect(scale.low).toBeCloseTo(answer.scale.low, 12);
      expect(scale.high).toBe(answer.scale.high);
      expect(scale.threshold / answer.scale.threshold).toBeCloseTo(1, 12);
      const place = placer(scale);
      answer.values.forEach((value, i) => {
        expect(place(value)).toBeCloseTo(answer.places[i], 12);
      });
      expect(scaleTicks(scale, 0.07).map(short)).toEqual(answer.words);
    });
  }

  it("channels have the same orders", () => {
    const { rows, groups } = answers.orders;
    const values = Float32Array.from(rows.flat());
    const window = { c0: 0, c1: rows.length, t0: 0, t1: rows[0].length };
    const shape = { rows: rows.length, columns: rows[0].length, window };
    const codes = toCodes(new Uint32Array(values.buffer));
    const ordered = (by: OrderName, within: [string, number][] | null) => [
      ...orderChannels({ values, ...shape }, { values: codes, ...shape }, within, by).channels,
    ];
    expect(ordered("norm", groups as [string, number][])).toEqual(answers.orders.norm);
    expect(ordered("lag", groups as [string, number][])).toEqual(answers.orders.lag);
    expect(ordered("correlation", groups as [string, number][])).toEqual(answers.orders.correlation);
    expect(ordered("correlation", null)).toEqual(answers.orders.correlationUngrouped);
  });
});
