import { html, nothing } from "lit";
import type { TensorRequest } from "../data/types";
import { EXTENT } from "../maths/flow/flow";
import type { Card } from "../pictures/cards";
import type { Page } from "../tabs/tab";
import "../components/controls/message";
import { renderNotices } from "../components/flow/notices";

/** Name at most this many; give the number of the others. */
const MOST_TOLD = 3;

/** A note on what pictures lack because a request failed: a line, points, detail, or the data for ranges and orders. */
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
