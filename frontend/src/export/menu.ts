/** What export menus offer: pictures, their numbers, and the Python that reads those. */

import { fetchLogdir, fetchTensor } from "../data/api";
import type { Tensor } from "../data/types";
import type { Window } from "../data/window";
import { copyText, save } from "../host/clipboard";
import { isEmbedded } from "../host/tensorboard";
import type { AxisNames } from "../maths/heatmap/axes";
import type { Order } from "../maths/heatmap/order";
import type { Table } from "../maths/table";
import { isWhole } from "../pictures/requests";
import { type Figure, figureOf, pngPicture } from "./figure";
import { channelsAt, csv, fileName, npy, pick, tableCsv, tableNpy } from "./numbers";
import { python } from "./python";

/**
 * The offers of a menu, keyed by the words on its buttons. Each returns what it did, in words. `figure` holds
 * the settings for pictures.
 */
export type Exports = Record<string, (figure: Figure) => Promise<string>>;

/** An element that can be saved as a picture, with a caption above. */
export interface Pictured {
  asSvg(caption: string): string | Promise<string>;
}

const CSV = "text/csv";
const NPY = "application/octet-stream";

/** Offers the picture itself, in files called `name`. */
export function ofPicture(name: string, caption: string, picture: () => Pictured | null): Exports {
  const svg = async (figure: Figure) => {
    const pictured = picture();
    if (!pictured) throw new Error("there is no picture yet");
    return figureOf(await pictured.asSvg(figure.title || caption), figure);
  };
  return {
    PNG: async (figure) => saved(`${name}.png`, await pngPicture(await svg(figure)), "image/png"),
    SVG: async (figure) => saved(`${name}.svg`, await svg(figure), "image/svg+xml"),
  };
}

/** The visible part of a view of a record, in its order. */
export interface VisibleSlice {
  tensor: Tensor;
  window: Window;
  /** The order of the channels; null for numerical order. */
  order: Order | null;
  axes: AxisNames;
}

/** Offers the visible numbers, without pooling, and the Python that reads them. */
export function ofView(seen: VisibleSlice): Exports {
  return {
    ...ofNumbers(fileName(seen.tensor.request), () => numbersOf(seen), seen),
    ...ofPython(async (logdir) => pythonOf(seen, logdir)),
  };
}

/** Offers numbers that are computed from views, in files called `name`. */
export function ofNumbers(
  name: string,
  numbers: () => Promise<Tensor>,
  { window, order, axes }: VisibleSlice,
): Exports {
  const channels = channelsAt(window, order);
  return {
    CSV: async () => saved(`${name}.csv`, csv(await numbers(), channels, axes), CSV),
    NPY: async () => saved(`${name}.npy`, npy(await numbers()), NPY),
  };
}

export function ofTable(name: string, table: () => Table): Exports {
  return {
    CSV: async () => saved(`${name}.csv`, tableCsv(table()), CSV),
    NPY: async () => saved(`${name}.npy`, tableNpy(table()), NPY),
  };
}

export function ofPython(lines: (logdir: string) => Promise<string>): Exports {
  return {
    "Copy as Python": async () => {
      const text = await lines(await fetchLogdir());
      return (await copyText(text))
        ? "Copied."
        : `${saved("view.py", text, "text/x-python")} This browser lets nothing be copied here.`;
    },
  };
}

/** The lines of Python that read the visible numbers. */
export function pythonOf(seen: VisibleSlice, logdir: string): string {
  return python(seen.tensor.request, partOf(seen), seen.order, logdir, seen.axes);
}

/** Every visible cell, without pooling. */
export async function numbersOf(seen: VisibleSlice): Promise<Tensor> {
  const { tensor, window, order } = seen;
  const channels = channelsAt(window, order);
  if (partOf(seen) === null && isWhole(tensor)) return order ? pick(tensor, channels) : tensor;
  if (!order) return fetchTensor({ ...tensor.request, window, pooled: null });
  const everyChannel = { ...window, c0: 0, c1: tensor.channels };
  return pick(await fetchTensor({ ...tensor.request, window: everyChannel, pooled: null }), channels);
}

/** The window, unless it is everything. */
function partOf({ tensor, window }: VisibleSlice): Window | null {
  const { c0, c1, t0, t1 } = window;
  const all = c0 === 0 && t0 === 0 && c1 === tensor.channels && t1 === tensor.timesteps;
  return all ? null : window;
}

function saved(name: string, content: BlobPart, type: string): string {
  save(name, content, type);
  // The browser does not tell a page whether the download was allowed.
  return isEmbedded
    ? "Saved. If no file came, the page around TensorBoard allows no downloads: open TensorBoard in a window of its own."
    : "Saved.";
}
