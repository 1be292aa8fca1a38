/** Parts of saved pictures, and the frame around them. */

const SVG = "http://www.w3.org/2000/svg";
const FONT = "Roboto, Arial, sans-serif";
/** Height of a line of text, and the margin at the sides. */
export const LINE = 16;
export const MARGIN = 4;

/** Parts one below the other on the page's background, with a caption above in as many lines as it needs. */
export function framed(caption: string, parts: readonly Element[]): string {
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

export function words(text: string, attributes: Record<string, string | number>): Element {
  const part = node("text", {
    "font-size": 12,
    "font-family": FONT,
    fill: colourOf("--rg-text"),
    ...attributes,
  });
  part.textContent = text;
  return part;
}

export function node(name: string, attributes: Record<string, string | number>): Element {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

export function colourOf(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name);
}
