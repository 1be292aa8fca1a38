import { html, nothing } from "lit";
import type { Loaded } from "../data/loader";
import type { TensorRequest } from "../data/types";
import "./message";

/** Of more views only their number is told. */
const MOST_TOLD = 3;

/**
 * What pictures lack though they are there, since a request failed: a line, points, detail, what a range or an
 * order is made from.
 */
export function renderMissing(requests: readonly TensorRequest[], peek: (request: TensorRequest) => Loaded) {
  const failed = requests.flatMap((request) => {
    const loaded = peek(request);
    return loaded.status === "error" ? { request, message: loaded.message } : [];
  });
  if (failed.length === 0) return nothing;
  const of = [
    ...new Set(failed.map(({ request }) => `${request.run}, ${request.tag}, step ${request.step}`)),
  ];
  const others = of.length - MOST_TOLD;
  return html`<rg-message heading="Part of what belongs here could not be loaded" .retry=${true}>
    Lines, points or details are missing of ${of.slice(0, MOST_TOLD).join("; ")}${others > 0 ? ` and ${others} more` : nothing}:
    ${failed[0].message}
  </rg-message>`;
}
