import { colourOf, framed, LINE, MARGIN, node, words } from "./svg";

/** A number on an axis, and its position in pixels. */
export interface Mark {
  at: number;
  label: string;
}

/** A line plot in pixels: the numbers on its axes, and its lines as SVG path data. */
export interface LinePlot {
  width: number;
  height: number;
  across: readonly Mark[];
  down: readonly Mark[];
  lines: readonly { label: string; colour: string; dash: readonly number[]; path: string; aside?: boolean }[];
  bands: readonly { colour: string; path: string }[];
}

/** Room around a line plot for its numbers. */
const ROOM = { left: 64, right: 12, top: 6, bottom: 22 };

/** The SVG of a line plot, with a caption above and the names of its lines below, without raster images. */
export function svgPlot(plot: LinePlot, caption: string): string {
  const whole = { width: plot.width + ROOM.left + ROOM.right, height: plot.height + ROOM.top + ROOM.bottom };
  const picture = node("svg", whole);
  const inner = node("g", { transform: `translate(${ROOM.left},${ROOM.top})` });
  inner.append(ticksOf(plot), ...bandsOf(plot), ...linesOf(plot));
  picture.append(inner);
  return framed(caption, [picture, namesOf(plot, whole.width)]);
}

function ticksOf({ width, height, across, down }: LinePlot): Element {
  const muted = { fill: colourOf("--rg-muted"), "font-size": 11 };
  const grid = { stroke: colourOf("--rg-border"), "stroke-width": 1 };
  const ticks = node("g", { class: "ticks" });
  for (const { at, label } of across) {
    ticks.append(node("line", { x1: at, x2: at, y1: 0, y2: height, ...grid }));
    ticks.append(words(label, { x: at, y: height + 15, "text-anchor": "middle", ...muted }));
  }
  for (const { at, label } of down) {
    ticks.append(node("line", { x1: 0, x2: width, y1: at, y2: at, ...grid }));
    ticks.append(words(label, { x: -6, y: at + 4, "text-anchor": "end", ...muted }));
  }
  return ticks;
}

function bandsOf({ bands }: LinePlot): Element[] {
  return bands.map(({ colour, path }) => node("path", { d: path, fill: colour, "fill-opacity": 0.2 }));
}

function linesOf({ lines }: LinePlot): Element[] {
  const looks = { fill: "none", "stroke-width": 1.5, "stroke-linecap": "round" };
  return lines.map(({ colour, dash, path }) =>
    node("path", { d: path, ...looks, stroke: colour, "stroke-dasharray": dash.join(" ") || "none" }),
  );
}

function namesOf({ lines }: LinePlot, width: number): Element {
  const named = lines.filter(({ aside }) => !aside);
  const names = node("svg", { width, height: LINE * named.length });
  named.forEach(({ label, colour, dash }, i) => {
    const y = LINE * (i + 0.5);
    const stroke = { stroke: colour, "stroke-width": 3, "stroke-dasharray": dash.join(" ") };
    names.append(node("line", { x1: MARGIN, x2: MARGIN + 20, y1: y, y2: y, ...stroke }));
    names.append(words(label, { x: MARGIN + 26, y, "dominant-baseline": "central" }));
  });
  return names;
}
