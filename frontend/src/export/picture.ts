/** Saves what is visible as a picture for papers and slides: as SVG, and as a PNG drawn from it. */

import { placer, type Scale } from "../colour/scale";
import { colourIndex, type MapName, mapColours } from "../colour/table";
import { barTicks, short } from "../colour/ticks";

const STYLES = [
  "fill",
  "fill-opacity",
  "stroke",
  "stroke-width",
  "stroke-dasharray",
  "opacity",
  "font-size",
  "font-family",
  "text-anchor",
  "dominant-baseline",
];
const SVG = "http://www.w3.org/2000/svg";
const FONT = "Roboto, Arial, sans-serif";
/** Height of a line of text, and the margin at the sides. */
const LINE = 16;
const MARGIN = 4;
/** The colour bar: its height, its height with numbers, and its margin at the sides. */
const BAR = 10;
const BAR_ROOM = 36;
const BAR_MARGIN = 46;
/** Pixels of the PNG for each pixel of the page. */
const SHARPNESS = 2;

/** The colours of a heatmap's cells. */
export interface Colours {
  scale: Scale;
  map: MapName;
}

/**
 * The SVG of a picture: its axes with their styles on the page, its canvas as an embedded image, and a
 * caption above.
 *
 * With `colours`, a colour bar stands below, and padding cells are hatched.
 */
export function svgPicture(
  axes: SVGSVGElement,
  canvas: HTMLCanvasElement,
  caption: string,
  colours?: Colours,
  hasBar = true,
): string {
  const copy = styled(axes);
  const place = {
    x: canvas.offsetLeft,
    y: canvas.offsetTop,
    width: canvas.offsetWidth,
    height: canvas.offsetHeight,
  };
  const cells = { ...place, href: canvas.toDataURL(), preserveAspectRatio: "none" };
  copy.prepend(
    ...(colours ? [hatch(), node("rect", { ...place, fill: "url(#padding)" })] : []),
    node("image", { ...cells, style: "image-rendering:pixelated" }),
  );
  const width = axes.width.baseVal.value;
  return framed(caption, colours && hasBar ? [copy, colourBar(colours, width)] : [copy]);
}

/** A copy of a drawing, with the styles it has on the page. */
function styled(axes: SVGSVGElement): SVGSVGElement {
  const copy = axes.cloneNode(true) as SVGSVGElement;
  const [sources, targets] = [axes.querySelectorAll("*"), copy.querySelectorAll("*")];
  sources.forEach((source, i) => {
    const style = getComputedStyle(source);
    const target = targets[i] as SVGElement;
    for (const name of STYLES) target.style.setProperty(name, style.getPropertyValue(name));
  });
  return copy;
}

/** A point of a picture, in pixels of its drawing. */
export interface Dot {
  x: number;
  y: number;
  radius: number;
  fill: string;
}

/**
 * The SVG of a scatter plot with its axes and a caption above. The points, which a canvas shows on the page,
 * become circles.
 */
export function svgDots(axes: SVGSVGElement, dots: readonly Dot[], caption: string): string {
  const copy = styled(axes);
  copy.append(
    ...dots.map(({ x, y, radius, fill }) =>
      node("circle", { cx: x.toFixed(2), cy: y.toFixed(2), r: radius, fill }),
    ),
  );
  return framed(caption, [copy]);
}

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
const PLOT = { left: 64, right: 12, top: 6, bottom: 22 };

/** The SVG of a line plot, with a caption above and the names of its lines below, without raster images. */
export function svgPlot({ width, height, across, down, lines, bands }: LinePlot, caption: string): string {
  const whole = { width: width + PLOT.left + PLOT.right, height: height + PLOT.top + PLOT.bottom };
  const picture = node("svg", whole);
  const inner = node("g", { transform: `translate(${PLOT.left},${PLOT.top})` });
  const muted = { fill: colourOf("--rg-muted"), "font-size": 11 };
  const grid = { stroke: colourOf("--rg-border"), "stroke-width": 1 };
  const ticks = node("g", { class: "ticks" });
  inner.append(ticks);
  for (const { at, label } of across) {
    ticks.append(node("line", { x1: at, x2: at, y1: 0, y2: height, ...grid }));
    ticks.append(words(label, { x: at, y: height + 15, "text-anchor": "middle", ...muted }));
  }
  for (const { at, label } of down) {
    ticks.append(node("line", { x1: 0, x2: width, y1: at, y2: at, ...grid }));
    ticks.append(words(label, { x: -6, y: at + 4, "text-anchor": "end", ...muted }));
  }
  for (const { colour, path } of bands)
    inner.append(node("path", { d: path, fill: colour, "fill-opacity": 0.2 }));
  for (const { colour, dash, path } of lines)
    inner.append(
      node("path", {
        d: path,
        fill: "none",
        stroke: colour,
        "stroke-width": 1.5,
        "stroke-linecap": "round",
        "stroke-dasharray": dash.join(" ") || "none",
      }),
    );
  picture.append(inner);
  const named = lines.filter(({ aside }) => !aside);
  const names = node("svg", { width: whole.width, height: LINE * named.length });
  named.forEach(({ label, colour, dash }, i) => {
    const y = LINE * (i + 0.5);
    const stroke = { stroke: colour, "stroke-width": 3, "stroke-dasharray": dash.join(" ") };
    names.append(node("line", { x1: MARGIN, x2: MARGIN + 20, y1: y, y2: y, ...stroke }));
    names.append(words(label, { x: MARGIN + 26, y, "dominant-baseline": "central" }));
  });
  return framed(caption, [picture, names]);
}

/** Pictures one below the other, with a caption above. */
export function svgStack(pictures: readonly string[], caption: string): string {
  const parser = new DOMParser();
  const parts = pictures.map((picture) => parser.parseFromString(picture, "image/svg+xml").documentElement);
  return framed(caption, parts);
}

/** Pictures in a number of columns, with their common colour bar below and a caption above. */
export function svgGrid(
  pictures: readonly string[],
  columns: number,
  caption: string,
  colours: Colours,
): string {
  const parser = new DOMParser();
  const parts = pictures.map((picture) => parser.parseFromString(picture, "image/svg+xml").documentElement);
  const most = (name: "width" | "height") =>
    Math.max(0, ...parts.map((part) => Number(part.getAttribute(name))));
  const [wide, high] = [most("width") + 2 * MARGIN, most("height") + 2 * MARGIN];
  const [width, height] = [columns * wide, Math.ceil(parts.length / columns) * high];
  const grid = node("svg", { width, height });
  parts.forEach((part, i) => {
    part.setAttribute("x", String((i % columns) * wide + MARGIN));
    part.setAttribute("y", String(Math.floor(i / columns) * high));
    grid.append(part);
  });
  return framed(caption, [grid, colourBar(colours, width)]);
}

/** The settings for a saved picture. */
export interface Figure {
  /** The title above it; empty for the page's description. */
  title: string;
  /** The width in pixels; null for the width on the page. */
  width: number | null;
  bar: boolean;
  ticks: boolean;
}

export const AS_SHOWN: Readonly<Figure> = { title: "", width: null, bar: true, ticks: true };

/** A framed picture with the chosen size, colour bar and ticks. */
export function figureOf(svg: string, { width, bar, ticks }: Figure): string {
  const picture = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
  const size = (name: "width" | "height") => Number(picture.getAttribute(name));
  if (!ticks) for (const one of picture.querySelectorAll(".ticks")) one.remove();
  const barBelow = bar ? null : picture.querySelector(":scope > .bar");
  const height = size("height") - (barBelow ? BAR_ROOM : 0);
  barBelow?.remove();
  picture.setAttribute("viewBox", `0 0 ${size("width")} ${height}`);
  const factor = width ? width / size("width") : 1;
  picture.setAttribute("height", String(Math.round(height * factor)));
  picture.setAttribute("width", String(Math.round(size("width") * factor)));
  return new XMLSerializer().serializeToString(picture);
}

/** The PNG of an SVG. */
export async function pngPicture(svg: string): Promise<Blob> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.width * SHARPNESS;
  canvas.height = image.height * SHARPNESS;
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The picture is too large."))));
  });
}

/** Parts one below the other on the page's background, with a caption above in as many lines as it needs. */
function framed(caption: string, parts: readonly Element[]): string {
  const size = (part: Element, name: "width" | "height") => Number(part.getAttribute(name));
  const width = Math.max(...parts.map((part) => size(part, "width")));
  const lines = wrapped(caption, width - 2 * MARGIN);
  let top = LINE * lines.length + MARGIN;
  for (const part of parts) {
    part.setAttribute("y", String(top));
    top += size(part, "height");
  }
  const svg = node("svg", { width, height: top, viewBox: `0 0 ${width} ${top}` });
  const title = node("title", {});
  title.textContent = caption;
  svg.append(title, node("rect", { width, height: top, fill: colourOf("--rg-background") }));
  lines.forEach((line, i) => {
    svg.append(words(line, { x: MARGIN, y: LINE * (i + 1) - 3 }));
  });
  svg.append(...parts);
  return new XMLSerializer().serializeToString(svg);
}

function wrapped(text: string, width: number): string[] {
  const context = document.createElement("canvas").getContext("2d") as CanvasRenderingContext2D;
  context.font = `12px ${FONT}`;
  const lines: string[] = [];
  for (const word of text.split(" ").filter(Boolean)) {
    const longer = `${lines.at(-1) ?? ""} ${word}`.trim();
    if (lines.length && context.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

function colourBar({ scale, map }: Colours, width: number): Element {
  const long = Math.max(60, width - 2 * BAR_MARGIN);
  const bar = node("svg", { width, height: BAR_ROOM, class: "bar" });
  const colours = mapColours(map);
  for (let i = 0; i < 256; i++) {
    const index = 3 * colourIndex(i / 256);
    const fill = `rgb(${colours.subarray(index, index + 3).join()})`;
    // Slightly wider than its share, so that no seam shows between two.
    bar.append(
      node("rect", { x: BAR_MARGIN + (i / 256) * long, width: long / 256 + 0.5, height: BAR, y: 4, fill }),
    );
  }
  const place = placer(scale);
  for (const tick of barTicks(scale, long)) {
    const x = BAR_MARGIN + place(tick) * long;
    bar.append(words(short(tick), { x, y: BAR + 18, "text-anchor": "middle", "font-size": 11 }));
  }
  return bar;
}

/** The pattern that marks padding. */
function hatch(): Element {
  const lines = {
    id: "padding",
    width: 6,
    height: 6,
    patternUnits: "userSpaceOnUse",
    patternTransform: "rotate(45)",
  };
  const pattern = node("pattern", lines);
  pattern.append(node("rect", { width: 1.5, height: 6, fill: colourOf("--rg-padding") }));
  return pattern;
}

function words(text: string, attributes: Record<string, string | number>): Element {
  const part = node("text", {
    "font-size": 12,
    "font-family": FONT,
    fill: colourOf("--rg-text"),
    ...attributes,
  });
  part.textContent = text;
  return part;
}

function node(name: string, attributes: Record<string, string | number>): Element {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

function colourOf(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name);
}
