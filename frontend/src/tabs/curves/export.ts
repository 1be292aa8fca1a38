/** Saves curves as a picture of paths, and as a table. */

import { short } from "../../colour/ticks";
import { type Band, type Curve, curvesOf, MOST_CURVES, type Range, type Sampled } from "../../maths/curves";
import type { Table } from "../../maths/table";
import { type Frame, type Looks, MARK_SIZE, MARKS, pathData, placedSpecials, strokeOutline } from "./painter";

/** A plot as it is drawn. */
export interface Plotted {
  name: string;
  curves: readonly Curve[];
  /** Bands to draw instead of the curves, if there are any. */
  bands: readonly Band[];
  frame: Frame;
  looks: Looks;
}

/** The page's colours. */
export interface Ink {
  text: string;
  muted: string;
  border: string;
}

const GAP = 12;
const ABOVE = 16;
const BELOW = 16;

/** Groups of plots, and a legend of the names where they have colours of their own: one below the other. */
export function svgParts(
  groups: readonly (readonly Plotted[])[],
  names: readonly { label: string; colour: string }[],
  { columns, width }: { columns: number; width: number },
  ink: Ink,
): string[] {
  const plots = groups.filter(({ length }) => length > 0).map((group) => svgPlots(group, columns, ink));
  return names.length > MOST_CURVES ? plots : [...plots, svgNames(names, width, ink)];
}

/** Plots of equal size, side by side in a number of columns, as SVG without raster images. */
export function svgPlots(plots: readonly Plotted[], columns: number, ink: Ink): string {
  const across = Math.min(columns, plots.length);
  const [wide, high] = [plots[0].frame.width + GAP, ABOVE + plots[0].frame.height + BELOW];
  const [width, height] = [across * wide, Math.ceil(plots.length / across) * high];
  const placed = plots.map((plot, i) => {
    const [x, y] = [(i % across) * wide + GAP / 2, Math.floor(i / across) * high + ABOVE];
    return `<g transform="translate(${x},${y})">${svgPlot(plot, ink)}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="Roboto, Arial, sans-serif" font-size="10">${placed.join("")}</svg>`;
}

function svgPlot({ name, curves, bands, frame, looks }: Plotted, ink: Ink): string {
  const { span, turned, width, height, scale } = frame;
  const [first, last] = turned ? [span[1] - 1, span[0]] : [span[0], span[1] - 1];
  const word = (text: string | number, x: number, y: number, fill: string, anchor = "start") =>
    `<text x="${x}" y="${y}" fill="${fill}" text-anchor="${anchor}">${escaped(String(text))}</text>`;
  return [
    `<rect width="${width}" height="${height}" fill="none" stroke="${ink.border}"/>`,
    ...(bands.length
      ? bands.map((band) => svgBand(band, frame, looks))
      : curves.map((curve) => svgCurve(curve, frame, looks))),
    ...placedSpecials(curves, frame).map(
      ({ x, y, what }) =>
        `<rect x="${x}" y="${y}" width="${MARK_SIZE}" height="${MARK_SIZE}" fill="${MARKS[what].colour}"/>`,
    ),
    word(name, 0, -4, ink.text),
    word(short(scale.high), 3, 10, ink.muted),
    word(short(scale.low), 3, height - 3, ink.muted),
    word(first, 0, height + 11, ink.muted),
    word(last, width, height + 11, ink.muted, "end"),
  ].join("");
}

function svgCurve({ sample, channel, trace }: Curve, frame: Frame, looks: Looks): string {
  return stroked(pathData(trace, frame), looks.colourOf(sample), looks.dashOf(channel));
}

function svgBand({ channel, times, quantiles }: Band, frame: Frame, looks: Looks): string {
  const [p5, p25, median, p75, p95] = quantiles;
  const areas = [strokeOutline(times, p5, p95, frame), strokeOutline(times, p25, p75, frame)]
    .flat()
    .map((points) => {
      const corners = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
      return `<polygon points="${corners}" fill="${looks.colour}" fill-opacity="0.22"/>`;
    });
  return (
    areas.join("") + stroked(pathData({ times, values: median }, frame), looks.colour, looks.dashOf(channel))
  );
}

function stroked(path: string, colour: string, dash: readonly number[]): string {
  return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.2" stroke-linejoin="round" stroke-linecap="round" stroke-dasharray="${dash.join(" ") || "none"}"/>`;
}

const NAME_WIDTH = 90;

/** The legend of the colours, in as many rows as it needs. */
function svgNames(names: readonly { label: string; colour: string }[], width: number, ink: Ink): string {
  const across = Math.max(1, Math.floor(width / NAME_WIDTH));
  const parts = names.map(({ label, colour }, i) => {
    const [x, y] = [GAP / 2 + (i % across) * NAME_WIDTH, 10 + Math.floor(i / across) * ABOVE];
    return `<line x1="${x}" x2="${x + 14}" y1="${y}" y2="${y}" stroke="${colour}" stroke-width="3"/><text x="${x + 18}" y="${y + 4}" fill="${ink.text}">${escaped(label)}</text>`;
  });
  const height = 6 + Math.ceil(names.length / across) * ABOVE;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="Roboto, Arial, sans-serif" font-size="11">${parts.join("")}</svg>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/**
 * A row for each timestep (in pooled views, the middle of a block) and a column for each channel and sample.
 * Padding has no number.
 */
export function curvesTable(
  samples: readonly Sampled[],
  channels: readonly number[],
  span: Range,
  time: string,
): Table {
  const signed = { name: "linear", low: -1, high: 1, threshold: 1 } as const;
  const curves = curvesOf(samples, channels, span, signed);
  return {
    index: [time, [...(curves[0]?.trace.times ?? [])]],
    names: curves.map(({ sample, channel }) => `channel ${channel} sample ${sample}`),
    columns: curves.map(({ trace: { times, values, specials } }) => {
      const what = new Map(specials);
      return Array.from(values, (value, i) =>
        Number.isNaN(value) ? (NUMBERS[what.get(times[i]) ?? ""] ?? null) : value,
      );
    }),
  };
}

const NUMBERS: Record<string, number> = {
  NaN: Number.NaN,
  "+Inf": Number.POSITIVE_INFINITY,
  "−Inf": Number.NEGATIVE_INFINITY,
};
