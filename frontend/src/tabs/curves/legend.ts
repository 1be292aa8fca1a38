/** What the colours and dashes of curves stand for. */

import { html, nothing } from "lit";
import { dashAt } from "../../colour/dashes";
import { sampleColour } from "../../colour/samples";
import { type Cursor, emit } from "../../components/base/events";
import { HELP } from "../../components/controls/help";
import type { Tensor } from "../../data/types";
import { MOST_CURVES, type Sampled, viewOf } from "../../maths/curves";
import { read } from "../../maths/heatmap/readout";

/** The colour of each sample, with its value at the cursor. */
export function renderSamples(
  samples: readonly Sampled[],
  { kept, batch }: Tensor,
  cursor: Cursor | null,
  dark: boolean,
) {
  if (samples.length > MOST_CURVES) {
    return html`<p class="muted">${kept} kept samples of ${batch}: the median and bands from 5 to 95 % and from 25 to 75 %; the curve nearest to the pointer by itself.</p>`;
  }
  return html`<p class="muted">${
    samples.length < kept ? `sample ${samples[0].sample} of ${kept} kept ones` : `${kept} kept samples`
  } of ${batch}, ${samples.length > 1 ? "a colour each" : "one curve in each plot"}</p>
  <div class="legend samples number">
    ${samples.map(({ sample, views }) => {
      const view = cursor?.c == null ? null : viewOf(views, cursor.c);
      const reading = view && cursor ? read(view, cursor.c ?? 0, cursor.t) : null;
      return html`<span class=${cursor?.s === sample ? "on" : ""}>
        <svg width="14" height="8" aria-hidden="true"><line x1="0" x2="14" y1="4" y2="4" stroke=${sampleColour(sample, dark)}></line></svg>
        sample ${sample} ${reading ? html`<b>${reading.text}</b>` : nothing}
      </span>`;
    })}
  </div>`;
}

/** The dashes of each pinned channel, with a button that unpins it. */
export function renderPins(pins: readonly number[], nameOf: (channel: number) => string) {
  const unpin = ({ currentTarget }: Event, c: number) =>
    emit(currentTarget as Element, "rg-pin", { t: 0, c });
  return html`<div class="legend">
    ${pins.map(
      (pin, i) => html`<span>
        <svg width="26" height="8" aria-hidden="true"><line x1="0" x2="26" y1="4" y2="4" stroke="currentColor" stroke-width="2" stroke-dasharray=${dashAt(i).join(" ")}></line></svg>
        channel ${nameOf(pin)} <button class="link" aria-label="Unpin channel ${nameOf(pin)}" aria-description=${HELP.unpin} @click=${(event: Event) => unpin(event, pin)}>unpin</button>
      </span>`,
    )}
  </div>`;
}
