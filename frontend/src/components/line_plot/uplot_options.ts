/** How uPlot draws lines over timesteps or steps. */

import uPlot from "uplot";
import type { Scale } from "../../colour/scale";
import { scaleTicks, short } from "../../colour/ticks";
import { axisTicks, type Tick, type XAxis } from "../../maths/over_training";

/** One line of a plot: a channel of one run's tag. */
export interface Line {
  label: string;
  colour: string;
  dash: number[];
  /**
   * The value at each timestep; null where there is none to draw, undefined where the line continues to the
   * next value.
   */
  values: (number | null | undefined)[];
  /** A band to fill, such as quantiles. */
  band?: { low: (number | null)[]; high: (number | null)[] };
  /** The values that `values` are smoothed from. They are drawn faint behind the line and read out beside it. */
  raw?: (number | null | undefined)[];
  /** The training step at each place, if the x axis has other numbers. */
  steps?: (number | undefined)[];
  /** Whether the line is drawn but not read out. */
  aside?: boolean;
  /** Whether the line is drawn individually even among many. */
  chosen?: boolean;
  /** The number of the line's sample, among lines of other samples. */
  sample?: number;
}

const FONT = "11px Roboto, Arial, sans-serif";

/** The colours of a plot's numbers and of its grid. */
interface Inks {
  text: string;
  grid: string;
}

/** All of uPlot's options except the size and what follows the pointer. `scale` gives the current scale. */
export function plotOptions(
  lines: readonly Line[],
  scale: () => Scale,
  turned: boolean,
  across: XAxis,
  inks: Inks,
): Omit<uPlot.Options, "width" | "height"> {
  const banded = lines.filter(({ band }) => band);
  return {
    legend: { show: false },
    scales: { x: { time: false, auto: false, dir: turned ? -1 : 1 }, y: yScale(scale()) },
    axes: axesOf(scale, across, inks),
    series: [{}, ...lines.map(strokeOf), ...banded.flatMap(() => [{ ...EDGE }, { ...EDGE }])],
    bands: banded.map(({ colour }, i) => {
      const first = 1 + lines.length + 2 * i;
      return { series: [first, first + 1], fill: `${colour}33` };
    }),
    cursor: { drag: { x: false, y: false }, points: { show: false }, y: false },
  };
}

/** An edge of a band, which is filled but not drawn. */
const EDGE: uPlot.Series = { stroke: "transparent", points: { show: false } };

function yScale({ name, low, high, threshold }: Scale): uPlot.Scale {
  const range: uPlot.Scale = { range: [low, high] };
  if (name === "symlog") return { ...range, distr: 4, asinh: threshold };
  return name === "log" ? { ...range, distr: 3, log: 10 } : range;
}

function axesOf(scale: () => Scale, across: XAxis, { text, grid }: Inks): uPlot.Axis[] {
  const stroke = { stroke: grid, width: 1 };
  // The positions of numbers are set below: uPlot's own distances, from 10^-16 to 10^32, would leave some
  // axes without numbers.
  const incrs = (_: uPlot, __: number, min: number, max: number) => [Math.max(5, max - min)];
  const axis = { stroke: text, font: FONT, grid: stroke, ticks: stroke, incrs };
  const ticks = ({ bbox }: uPlot, min: number, max: number) =>
    ticksAcross(across, min, max, bbox.width / uPlot.pxRatio);
  return [
    {
      ...axis,
      size: 26,
      splits: (plot, _, min, max) => ticks(plot, min, max).map(({ at }) => at),
      values: (plot) => {
        const { min, max } = plot.scales.x;
        return ticks(plot, min as number, max as number).map(({ label }) => label);
      },
    },
    {
      ...axis,
      size: 66,
      splits: () => scaleTicks(scale(), 0.14),
      filter: (_, splits) => splits,
      values: (_, splits) => splits.map(short),
    },
  ];
}

function strokeOf(line: Line): uPlot.Series {
  const { label, colour, dash } = line;
  const points = { show: isPoint(line), size: 6, fill: colour };
  return { label, stroke: colour, dash, width: 1.5, points };
}

/** The most numbers on an axis. */
const MOST_TICKS = 16;

/** The numbers for an x axis of `width` pixels. */
export function ticksAcross(across: XAxis, min: number, max: number, width: number): Tick[] {
  return axisTicks(across, min, max, Math.min(MOST_TICKS, width / (across === "step" ? 45 : 90)));
}

/** Draws vertical lines at numbers of the x axis. */
export function drawBoundaries({ ctx, bbox, valToPos }: uPlot, at: readonly number[], colour: string): void {
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.setLineDash([4, 4]);
  ctx.beginPath();
  for (const x of at) {
    const across = valToPos(x, "x", true);
    if (across < bbox.left || across > bbox.left + bbox.width) continue;
    ctx.moveTo(across, bbox.top);
    ctx.lineTo(across, bbox.top + bbox.height);
  }
  ctx.stroke();
  ctx.restore();
}

/** Whether a line has a single value, which no stroke would show. */
export function isPoint({ values }: Line): boolean {
  return values.filter((value) => typeof value === "number").length === 1;
}
