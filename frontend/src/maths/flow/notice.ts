/** What a flow leaves out, in words. */

import type { Flow } from "../../data/types";

/** Name at most this many damaged steps. */
const MOST_NAMED = 8;

/** A sentence for each kind of step that was logged but is not drawn; empty if all are drawn. */
export function flowNotice({ damaged, sampled, steps }: Flow): string {
  return [
    damaged.length ? damagedWords(damaged) : "",
    sampled
      ? `All logged steps would be too large to send: ${steps.length} of them, evenly spaced, are drawn.`
      : "",
  ]
    .filter(Boolean)
    .join(" ");
}

function damagedWords(damaged: readonly number[]): string {
  if (damaged.length === 1) return `Step ${damaged[0]} is damaged and not drawn.`;
  const named = damaged.slice(0, MOST_NAMED).join(", ");
  const others = damaged.length - MOST_NAMED;
  return `${damaged.length} steps are damaged and not drawn: ${named}${others > 0 ? ` and ${others} more` : ""}.`;
}
