/** What is visible as SVG, for papers and slides. */

import { type Colours, colourBar } from "./colour_bar";
import { colourOf, framed, MARGIN, node } from "./svg";

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

/** Pictures one below the other, with a caption above. */
export function svgStack(pictures: readonly string[], caption: string): string {
  return framed(caption, pictures.map(parsed));
}

/** Pictures in a number of columns, with their common colour bar below and a caption above. */
export function svgGrid(
  pictures: readonly string[],
  columns: number,
  caption: string,
  colours: Colours,
): string {
  const parts = pictures.map(parsed);
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

function parsed(picture: string): Element {
  return new DOMParser().parseFromString(picture, "image/svg+xml").documentElement;
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
