/** A heatmap as a picture for papers and slides: SVG, and PNG drawn from it. */

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
const CAPTION = 20;
/** Pixels of the PNG for each of the page's. */
const SHARPNESS = 2;

/**
 * The SVG of a heatmap: its axes with the styles they have on the page, its cells as an embedded picture,
 * and a caption above.
 */
export function svgPicture(axes: SVGSVGElement, cells: HTMLCanvasElement, caption: string): string {
  const [width, height] = [axes.width.baseVal.value, axes.height.baseVal.value];
  const copy = axes.cloneNode(true) as SVGSVGElement;
  const [sources, targets] = [axes.querySelectorAll("*"), copy.querySelectorAll("*")];
  sources.forEach((source, i) => {
    const style = getComputedStyle(source);
    const target = targets[i] as SVGElement;
    for (const name of STYLES) target.style.setProperty(name, style.getPropertyValue(name));
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("height", String(height + CAPTION));
  copy.setAttribute("viewBox", `0 ${-CAPTION} ${width} ${height + CAPTION}`);
  const page = getComputedStyle(document.documentElement);
  const [left, top] = [cells.offsetLeft, cells.offsetTop];
  const picture = `
    <defs><pattern id="padding" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
      <rect width="1.5" height="6" fill="${page.getPropertyValue("--rg-padding")}"/></pattern></defs>
    <rect y="${-CAPTION}" width="${width}" height="${height + CAPTION}" fill="${page.getPropertyValue("--rg-background")}"/>
    <rect x="${left}" y="${top}" width="${cells.offsetWidth}" height="${cells.offsetHeight}" fill="url(#padding)"/>
    <image x="${left}" y="${top}" width="${cells.offsetWidth}" height="${cells.offsetHeight}" preserveAspectRatio="none"
      style="image-rendering:pixelated" href="${cells.toDataURL()}"/>
    <text x="4" y="-6" font-size="12" font-family="Roboto, Arial, sans-serif" fill="${page.getPropertyValue("--rg-text")}"></text>`;
  const parsed = new DOMParser().parseFromString(
    `<svg xmlns="http://www.w3.org/2000/svg">${picture}</svg>`,
    "image/svg+xml",
  );
  const parts = [...parsed.documentElement.children];
  (parts.at(-1) as Element).textContent = caption;
  copy.prepend(...parts);
  return new XMLSerializer().serializeToString(copy);
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
