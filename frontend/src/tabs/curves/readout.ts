import { html, nothing } from "lit";
import { exact } from "../../colour/ticks";
import type { Cursor } from "../../components/base/events";
import { channelName } from "../../data/channel_groups";
import type { Series } from "../../data/series";
import { MOST_CURVES, quantileWords, type Sampled, viewOf } from "../../maths/curves";
import { read, timeName } from "../../maths/heatmap/readout";

/** What the curve pointed at says, and of many samples the quantiles there. `time` is what the x axis counts. */
export function renderReadout(
  { run, entry }: Series,
  samples: readonly Sampled[],
  cursor: Cursor | null,
  time: string,
) {
  if (cursor?.c == null) {
    return html`<span class="muted">Point at a curve to read it, in every plot at once; drag to zoom into timesteps; click a small plot to pin its channel.</span>`;
  }
  const { t, c } = cursor;
  const views = samples.flatMap(({ views }) => viewOf(views, c) ?? []);
  const view = views.find(({ request }) => request.show === cursor.s) ?? views[0];
  const reading = view && read(view, c, t);
  if (!reading)
    return html`<span class="muted">no ${time} ${t} of channel ${c} is on this page of plots</span>`;
  const { request, batch } = view;
  const name = channelName(c, entry.metadata.channel_groups);
  const values = views.flatMap((of) => read(of, c, t)?.value ?? []);
  return html`
    <b>${reading.text}</b>
    <span class="muted">
      ${reading.note} run ${run}, step ${request.step}, sample ${request.show} of ${batch}, ${timeName(t, request, c)}, channel ${name}
    </span>
    ${samples.length > MOST_CURVES ? html`<div class="quantiles">${quantileWords(values, exact)}</div>` : nothing}
  `;
}
