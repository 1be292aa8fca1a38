import { html, nothing } from "lit";
import { exact } from "../../colour/ticks";
import { placeWords, type XAxis } from "../../maths/over_training";
import { breakable } from "../base/breakable";
import type { Cursor } from "../base/events";
import type { Line } from "./uplot_options";

/** The width of a character of a label, and of the swatch and the value beside it. */
const LABEL = { character: 6.2, beside: 104 };

/** What is read below a plot, at the cursor's place. */
export interface Read {
  lines: readonly Line[];
  cursor: Cursor | null;
  /** The numbers on the x axis; null for the places' own. */
  xs: readonly number[] | null;
  /** The name of the x axis, and whether its numbers are times. */
  axis: string;
  across: XAxis;
  /** What a gap in a line means. */
  gap: string;
}

/** The name of each line, with its value at the cursor. */
export function renderReadout(read: Read) {
  const { cursor, lines } = read;
  const at = cursor?.t;
  return html`
    ${lines
      .filter(({ aside }) => !aside)
      .map(
        (line) =>
          html`<span class=${line.sample !== undefined && line.sample === cursor?.s ? "on" : ""}><svg width="16" height="8" aria-hidden="true"><line
              x1="0" x2="16" y1="4" y2="4" stroke=${line.colour} stroke-dasharray=${line.dash.join(" ")}
            ></line></svg>${breakable(line.label)}${at === undefined ? "" : renderReading(line, at, read)}</span>`,
      )}
    <span class="muted">${at === undefined ? "\u00a0" : `at ${wordsAt(at, read)}`}</span>
  `;
}

/** The width that the longest label takes with a value beside it, in pixels. */
export function leastColumn(lines: readonly Line[]): number {
  const longest = lines.reduce((most, { label }) => Math.max(most, label.length), 0);
  return Math.round(LABEL.character * longest + LABEL.beside);
}

function wordsAt(at: number, { xs, across, axis }: Read): string {
  const place = xs?.[at] ?? at;
  return across === "step" ? `${axis} ${place}` : placeWords(across, place);
}

function renderReading({ values, raw, steps }: Line, at: number, { gap, across }: Read) {
  const place = lastKnown(values, at);
  const smoothed = raw && html` <span class="muted">(${reading(raw[place], gap)})</span>`;
  const step = across === "step" ? undefined : steps?.[place];
  return html` <b>${reading(values[place], gap)}</b>${smoothed ?? nothing}${
    step === undefined ? nothing : html` <span class="muted">step ${step}</span>`
  }`;
}

/** The index of a place with a value, or of the last one before it if the line continues. */
function lastKnown(values: Line["values"], at: number): number {
  let place = at;
  while (place > 0 && values[place] === undefined) place--;
  return place;
}

function reading(value: number | null | undefined, gap: string): string {
  return value === null || value === undefined ? gap : exact(value);
}
