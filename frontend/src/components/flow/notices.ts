/** Notes beside pictures made from flows, on what those flows leave out. */

import { html, nothing } from "lit";
import { tagWords } from "../../data/parts";
import type { Loaded } from "../../data/resource";
import type { Series } from "../../data/series";
import type { Flow } from "../../data/types";
import { flowNotice } from "../../maths/flow/notice";

/** Name at most this many series; give the number of the others. */
const MOST_TOLD = 3;

/** A line for each series whose flow leaves out steps. */
export function renderNotices(flows: readonly { series: Series; loaded: Loaded<Flow> }[]) {
  const told = flows.flatMap(({ series: { run, tag, entry }, loaded }) => {
    const notice = loaded.status === "ready" ? flowNotice(loaded.answer) : "";
    return notice ? [`${run}, ${tagWords(tag, entry)}: ${notice}`] : [];
  });
  if (told.length === 0) return nothing;
  const others = told.length - MOST_TOLD;
  return html`<div class="notices" role="status">
    ${told.slice(0, MOST_TOLD).map((line) => html`<p>${line}</p>`)}
    ${others > 0 ? html`<p>Steps are left out of ${others} more.</p>` : nothing}
  </div>`;
}
