/** Saved pictures: as SVG in the size and with the parts that the user chose, and as a PNG drawn from it. */

import { BAR_ROOM } from "./colour_bar";

/** Pixels of the PNG for each pixel of the page. */
const SHARPNESS = 2;

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
  if (!ticks) for (const mark of picture.querySelectorAll(".ticks")) mark.remove();
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
