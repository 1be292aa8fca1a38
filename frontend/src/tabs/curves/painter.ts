/** Draws curves on a canvas or as SVG path data. */

import { placer, type Scale } from "../../colour/scale";
import { SPECIALS } from "../../colour/table";
import {
  type Band,
  type Curve,
  isDrawn,
  type Range,
  type Special,
  type Trace,
  thinned,
} from "../../maths/curves";

/** What a plot shows, and its size in pixels. */
export interface Frame {
  scale: Scale;
  span: Range;
  /** Whether time runs from right to left, as lags do beside time. */
  turned: boolean;
  width: number;
  height: number;
}

/** The looks of lines: the colours of samples and the dashes of channels. */
export interface Looks {
  colourOf(sample: number): string;
  dashOf(channel: number): number[];
  /** The colour of bands. */
  colour: string;
}

/** What draws lines: a canvas or a path. */
interface Pen {
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
}

/** The horizontal position of a timestep's middle, as in heatmaps. */
export function acrossOf(time: number, { span: [from, to], turned, width }: Frame): number {
  const share = (time - from + 0.5) / (to - from);
  return (turned ? 1 - share : share) * width;
}

/** The timestep at a horizontal position. */
export function timestepAt(x: number, { span: [from, to], turned, width }: Frame): number {
  const share = Math.min(0.999999, Math.max(0, x / width));
  return Math.floor(from + (turned ? 0.999999 - share : share) * (to - from));
}

export function downOf(value: number, { scale, height }: Frame): number {
  return (1 - placer(scale)(value)) * height;
}

/** Draw a trace, with gaps where there is no point. A point between gaps is a line of no length: a dot. */
export function drawTrace(pen: Pen, { times, values }: Pick<Trace, "times" | "values">, frame: Frame): void {
  const place = placer(frame.scale);
  let drawing = false;
  for (const i of thinned(values, Math.max(1, Math.round(frame.width)))) {
    if (!isDrawn(values[i], frame.scale)) {
      drawing = false;
      continue;
    }
    const [x, y] = [acrossOf(times[i], frame), (1 - place(values[i])) * frame.height];
    if (!drawing) pen.moveTo(x, y);
    pen.lineTo(x, y);
    drawing = true;
  }
}

/** The SVG path data of a trace. */
export function pathData(trace: Pick<Trace, "times" | "values">, frame: Frame): string {
  const parts: string[] = [];
  const add = (command: string) => (x: number, y: number) =>
    parts.push(`${command}${x.toFixed(1)},${y.toFixed(1)}`);
  drawTrace({ moveTo: add("M"), lineTo: add("L") }, trace, frame);
  return parts.join("");
}

/** Draw each curve in its sample's colour and its channel's dashes. The more curves, the thinner the lines. */
export function paintCurves(
  context: CanvasRenderingContext2D,
  curves: readonly Curve[],
  frame: Frame,
  looks: Looks,
): void {
  context.lineWidth = curves.length > 8 ? 1 : 1.3;
  context.lineCap = "round";
  context.lineJoin = "bevel";
  for (const { sample, channel, trace } of curves) {
    context.strokeStyle = looks.colourOf(sample);
    context.setLineDash(looks.dashOf(channel));
    context.beginPath();
    drawTrace(context, trace, frame);
    context.stroke();
  }
  context.setLineDash([]);
}

/** Draw for each channel the band from 5 to 95 %, the band from 25 to 75 %, and the median. */
export function paintBands(
  context: CanvasRenderingContext2D,
  bands: readonly Band[],
  frame: Frame,
  looks: Looks,
): void {
  context.fillStyle = context.strokeStyle = looks.colour;
  context.lineWidth = 1.5;
  context.globalAlpha = 0.22 / Math.sqrt(Math.max(1, bands.length)); // medians stay legible under several bands
  for (const { times, quantiles } of bands) {
    const [p5, p25, , p75, p95] = quantiles;
    fillBetween(context, times, p5, p95, frame);
    fillBetween(context, times, p25, p75, frame);
  }
  context.globalAlpha = 1;
  for (const { channel, times, quantiles } of bands) {
    const [, , median] = quantiles;
    context.setLineDash(looks.dashOf(channel));
    context.beginPath();
    drawTrace(context, { times, values: median }, frame);
    context.stroke();
  }
  context.setLineDash([]);
}

/** Fill the area between two curves, a polygon for each run without gaps. */
function fillBetween(pen: CanvasRenderingContext2D, ...between: Parameters<typeof strokeOutline>): void {
  pen.beginPath();
  strokeOutline(...between).forEach((points) => {
    points.forEach(([x, y], i) => {
      if (i === 0) pen.moveTo(x, y);
      else pen.lineTo(x, y);
    });
    pen.closePath();
  });
  pen.fill();
}

/** The polygons between two curves. A single timestep between gaps gets its own width. */
export function strokeOutline(
  times: Float64Array,
  low: Float32Array,
  high: Float32Array,
  frame: Frame,
): [x: number, y: number][][] {
  const place = placer(frame.scale);
  const down = (value: number) => (1 - place(value)) * frame.height;
  const half = frame.width / (frame.span[1] - frame.span[0]) / 2;
  const polygons: [number, number][][] = [];
  for (let from = 0, to = 0; from < low.length; from = to + 1) {
    for (to = from; to < low.length && !Number.isNaN(low[to]); ) to++;
    if (from === to) continue;
    const steps = Array.from({ length: to - from }, (_, i) => from + i);
    const sides: number[][] = to - from === 1 ? [[from, -half], [from, half]] : steps.map((i) => [i, 0]); // biome-ignore format: as pairs
    const along = (edge: Float32Array) =>
      sides.map(([i, aside]): [number, number] => [acrossOf(times[i], frame) + aside, down(edge[i])]);
    polygons.push([...along(high), ...along(low).reverse()]);
  }
  return polygons;
}

/** The colour of each kind of mark, and whether it is at the upper edge. */
export const MARKS: Record<Special, { colour: string; above: boolean }> = {
  NaN: { colour: rgb("nan"), above: true },
  "+Inf": { colour: rgb("posinf"), above: true },
  "−Inf": { colour: rgb("neginf"), above: false },
  "exact 0": { colour: rgb("zero"), above: false },
};
export const MARK_SIZE = 5;

function rgb(name: keyof typeof SPECIALS): string {
  return `rgb(${SPECIALS[name].rgb.join()})`;
}

/** A square at the edge for each value without a point. Squares of one kind at one position are merged. */
export function placedSpecials(
  curves: readonly Curve[],
  frame: Frame,
): { x: number; y: number; what: Special }[] {
  const placed = new Map<string, { x: number; y: number; what: Special }>();
  for (const { trace } of curves) {
    for (const [time, what] of trace.specials) {
      const x = Math.round(acrossOf(time, frame) - MARK_SIZE / 2);
      placed.set(`${what}${x}`, { x, y: MARKS[what].above ? 0 : frame.height - MARK_SIZE, what });
    }
  }
  return [...placed.values()];
}

export function paintSpecials(
  context: CanvasRenderingContext2D,
  curves: readonly Curve[],
  frame: Frame,
): void {
  for (const { x, y, what } of placedSpecials(curves, frame)) {
    context.fillStyle = MARKS[what].colour;
    context.fillRect(x, y, MARK_SIZE, MARK_SIZE);
  }
}
