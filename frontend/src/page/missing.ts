import { html, nothing } from "lit";
import type { TensorRequest } from "../data/types";
import { EXTENT } from "../maths/flow/flow";
import type { Card } from "../pictures/cards";
import type { Page } from "../tabs/tab";
import "../components/controls/message";
import { renderNotices } from "../components/flow/notices";

/** Of more only their number is told. */
const MOST_TOLD = 3;

/**
 * What pictures lack though they are there, since a request failed: a line, points, detail, what ranges and orders
 * are made from.
 */
export function renderMissing(
  { state, peek, flowOf }: Page,
  cards: readonly Card[],
  more: readonly TensorRequest[],
) {
  const views = more.map((request) => {
    const { run, tag, step } = request;
    return { what: `lines, points or details of ${run}, ${tag}, step ${step}`, loaded: peek(request) };
  });
  const flows = (state.range === "steps" ? cards : []).map(({ series }) => {
    return {
      series,
      what: `the range over all steps of ${series.run}, ${series.tag}`,
      loaded: flowOf(series, EXTENT),
    };
  });
  const failed = [...views, ...flows].flatMap(({ what, loaded }) =>
    loaded.status === "error" ? { what, message: loaded.message } : [],
  );
  const notices = renderNotices(flows);
  if (failed.length === 0) return notices;
  const all = [...new Set(failed.map(({ what }) => what))];
  const others = all.length - MOST_TOLD;
  return html`${notices}<rg-message heading="Part of what belongs here could not be loaded" .retry=${true}>
    Missing: ${all.slice(0, MOST_TOLD).join("; ")}${others > 0 ? `; and ${others} more` : nothing}.
    ${failed[0].message}
  </rg-message>`;
}
