import { expect, test } from "vitest";
import type { Scale } from "../src/colour/scale";
import { drawnLines, heightsOn } from "../src/components/line_plot/lines";
import type { Line } from "../src/components/line_plot/uplot_options";

const LOG: Scale = { name: "log", low: 1e-3, high: 10, threshold: 1e-3 };

function line(label: string, more: Partial<Line> = {}): Line {
  return { label, colour: "#123456", dash: [], values: [1, 2], ...more };
}

test("a log scale draws magnitudes, and at its lower end what it does not tell apart; gaps stay gaps", () => {
  expect(heightsOn(LOG, [-2, 0, 1e-9, null, undefined])).toEqual([2, 1e-3, 1e-3, null, undefined]);
  expect(heightsOn({ ...LOG, name: "abs", low: 0 }, [-2, 0])).toEqual([2, 0]);
  expect(heightsOn({ ...LOG, name: "linear", low: -10 }, [-2, 0])).toEqual([-2, 0]);
});

test("values before smoothing are drawn faint behind their line, and are not read out", () => {
  const [behind, smooth] = drawnLines([line("a", { raw: [0, 3] })], null, undefined, "");
  expect(behind).toEqual({ label: "a", colour: "#12345666", dash: [], values: [0, 3], aside: true });
  expect(smooth.label).toBe("a");
});

test("of many lines the median with a band is drawn, and those chosen or pointed at", () => {
  const many = { count: 40, low: [0], median: [1], high: [2] };
  const lines = [line("a"), line("b", { chosen: true }), line("c", { sample: 3 }), line("d", { sample: 4 })];
  const drawn = drawnLines(lines, many, 3, "#777");
  expect(drawn.map(({ label }) => label)).toEqual(["median of 40, band from 5 to 95 %", "b", "c"]);
  expect(drawn[0]).toMatchObject({ values: [1], band: { low: [0], high: [2] }, colour: "#777" });
});
