import { html, nothing } from "lit";
import { emit } from "../../components/base/events";
import { Memo } from "../../components/base/memo";
import { moreButton } from "../../components/controls/fields";
import { HELP } from "../../components/controls/help";
import { type Known, type Metric, metricPlot } from "../../components/flow/training_curves";
import type { StepPlot } from "../../components/line_plot/step_curves";
import { hasLags } from "../../data/parts";
import { FLAG_INPUTS } from "../../data/statistics";
import { grouped } from "../../maths/flow/overview_groups";
import { isSaturated, lineOf, type OverviewLine } from "../../maths/flow/overview_line";
import { sorted } from "../../maths/flow/overview_order";
import {
  isByEpoch,
  progressOf,
  type ScalarCurve,
  scalarCurves,
  scalarTags,
  usualTags,
} from "../../maths/flow/scalar_curves";
import type { Progress } from "../../maths/flow/verdict";
import { startsOf, type XAxis } from "../../maths/over_training";
import { groupsBy, hyperparameterNames } from "../../maths/run_groups";
import { meanTrace, readable, type Trace, traceOn } from "../../maths/traces";
import { flowCards, marksOf } from "../../pictures/flow_cards";
import type { Page, Tab } from "../tab";
import "../../components/line_plot/chart_bar";
import "../../components/flow/flags_bar";
import "./group_bar";
import "../../components/controls/message";
import { renderNotices } from "../../components/flow/notices";
import "./headline";
import "./table";
import "./scalar_bar";
import "../../components/line_plot/step_curves";
import { hasFlow } from "../../data/quantities";

/** The number of runs shown by default. It is large, because a sweep is ranked as a whole. */
const FIRST_RUNS = 64;
const MOST_LINES = 256;
const CROWD_COLOUR = "#80868b";

export const overviewTab: Tab = {
  name: "Overview",
  what: "flow statistics by lag",
  question: "Is it learning long dependencies, since when, and is this run better?",
  controls: () => ["steps"],
  firstRuns: FIRST_RUNS,
  most: MOST_LINES,
  draws: (entry) => hasFlow(entry) && hasLags(entry),
  first: (tags, entries) => {
    const hidden = tags.filter((tag) => entries[tag].metadata.quantity === "hidden_state_gradient");
    return hidden.length ? hidden : tags.slice(0, 1);
  },
  cards: () => [],
  requests: () => [],
  statistics: () => FLAG_INPUTS,
  marks: (page) => marksOf(flowCards(page, FLAG_INPUTS), page.steps),
  render: (page) => {
    const { state, step, steps, dark } = page;
    const cards = flowCards(page, FLAG_INPUTS);
    const known = cards.filter((card): card is Known => card.history !== null);
    const loading = cards.some(({ loaded }) => loaded.status === "loading");
    if (known.length === 0) return html`${loading ? LOADING : nothing} ${renderFailures(page)}`;
    const scalars = scalarsOf(page, known);
    const hyperparameters = page.listScalars().hyperparameters;
    const groupOf = groupsBy(state.groupBy, state.groupPattern, hyperparameters);
    const lines = grouped(
      known.map((card) => lineOf({ ...card, progress: scalars.progressOf(card.series.run) }, step, state)),
      groupOf,
    );
    const shown = new Set(page.series.map(({ run }) => run)).size;
    return html`
      <div class="overview" @rg-show-scalars=${showScalars}>
        <rg-overview-brief .lines=${lines} .eps=${state.eps} .told=${{ shown, all: page.drawnRuns.length }}></rg-overview-brief>
        <div class="charts">
          <rg-chart-bar .state=${state}></rg-chart-bar>
          <rg-step-curves .plots=${plotsOf(page, known, lines, scalars, groupOf)} .axis=${state.xAxis} .smoothing=${state.smoothing} .stacked=${true} .dark=${dark}></rg-step-curves>
          ${scalars.tags.length ? html`<rg-scalar-bar .tags=${scalars.tags} .chosen=${scalars.chosen}></rg-scalar-bar>` : nothing}
        </div>
        <div class="details">
          <h2 class="section">Every run and layer <span class="muted">at step ${step}; a click opens its maps</span>
            ${renderAll(page)}</h2>
          ${page.drawnRuns.length > 1 ? html`<rg-group-bar .state=${state} .names=${hyperparameterNames(hyperparameters)}></rg-group-bar>` : nothing}
          ${renderNotices(cards)}
          <rg-overview-table .lines=${lines} .sorting=${state.sort}></rg-overview-table>
          <h2 class="section">Flags <span class="muted">by thresholds of your own</span> ${moreButton(state)}</h2>
          <rg-flags-bar .state=${state} .cards=${cards} .step=${step} .steps=${steps}></rg-flags-bar>
        </div>
      </div>
      ${loading ? LOADING : nothing}
      ${renderFailures(page)}
    `;
  },
};

const LOADING = html`<rg-message heading="Loading …" .busy=${true}></rg-message>`;

function renderFailures(page: Page) {
  return flowCards(page, FLAG_INPUTS).map(({ loaded, series }) =>
    loaded.status === "error"
      ? html`<rg-message heading="The flow of ${series.run}, ${series.tag} could not be loaded" .retry=${true}>${loaded.message}</rg-message>`
      : nothing,
  );
}

/** The scalars to draw, and how the first loss among them changed in each run until the slider's step. */
interface Scalars {
  tags: string[];
  chosen: string[];
  curves: { tag: string; of: ScalarCurve[] }[];
  progressOf(run: string): Progress | null;
}

function scalarsOf(page: Page, known: readonly Known[]): Scalars {
  const runs = [...new Set(known.map(({ series }) => series.run))];
  const tags = scalarTags(page.listScalars().tags, runs, page.drawnRuns);
  const chosen = page.state.scalars ?? usualTags(tags);
  const keptOf = (run: string) => known.find(({ series }) => series.run === run)?.history.flow.steps ?? [];
  const curves = chosen.map((tag) => ({
    tag,
    of: scalarCurves(tag, page.scalarsOf(tag) ?? {}, runs, page.drawnRuns, keptOf),
  }));
  const loss = curves.find(({ tag }) => /loss/i.test(tag));
  return {
    tags,
    chosen,
    curves,
    progressOf: (run) => {
      const own = loss?.of.find((curve) => curve.run === run);
      return loss && own ? progressOf(loss.tag, own, page.step) : null;
    },
  };
}

const plots = new Memo<StepPlot[]>();

/**
 * The charts on one axis of steps: scalars, the horizon, and what is left at the far end if the horizon is
 * the whole sequence.
 */
function plotsOf(
  { state, scalarsOf, listScalars }: Page,
  known: readonly Known[],
  lines: readonly OverviewLine[],
  { chosen, curves }: Scalars,
  groupOf: GroupOf,
): StepPlot[] {
  // Sort the best first, so that they are the ones drawn of many.
  const order = sorted(lines, "-horizon").flatMap(({ series, members }) =>
    members.length ? members.map((member) => member.series) : [series],
  );
  const best = [...known].sort((a, b) => order.indexOf(a.series) - order.indexOf(b.series));
  const saturated = lines.some(isSaturated);
  const from = [
    ...best.flatMap(({ history, colour }) => [history, colour]),
    ...chosen.flatMap((tag) => [tag, scalarsOf(tag)]),
    ...[state.groupBy, state.groupPattern, listScalars(), saturated, state.xAxis],
  ];
  return plots.of(from, () => makePlots(best, curves, groupOf, saturated, state.xAxis));
}

type GroupOf = (run: string) => string | null;

function makePlots(
  best: readonly Known[],
  curves: Scalars["curves"],
  groupOf: GroupOf,
  saturated: boolean,
  axis: XAxis,
): StepPlot[] {
  const starts = startsOf([
    ...best.map(({ series: { run }, history }) => ({ run, kept: history.flow.steps })),
    ...curves.flatMap(({ of }) => of),
  ]);
  const placeOf = (run: string) => best.findIndex(({ series }) => series.run === run);
  const scalarPlots = curves.map(({ tag, of }): StepPlot => {
    const ordered = [...of].sort((a, b) => placeOf(a.run) - placeOf(b.run));
    const traces = ordered.map(({ run, below, kept, values }) => ({
      run,
      key: `${groupOf(run)} ${below}`,
      trace: traceOn(axis, starts.get(run) ?? 0, kept, {
        label: below ? `${run}, ${below}` : run,
        colour: best.find(({ series }) => series.run === run)?.colour ?? CROWD_COLOUR,
        dash: /valid|test|eval/i.test(below) ? [6, 4] : [],
        values,
      }),
    }));
    const heading = isByEpoch(tag) && axis === "step" ? `${tag}, placed by wall time` : tag;
    return { heading, scale: "linear", fromZero: false, gap: "none", traces: joinedTraces(traces, groupOf) };
  });
  const metrics: Metric[] = saturated ? ["horizon", "farEnd"] : ["horizon"];
  const metricPlots = metrics.map((metric): StepPlot => {
    const plot = metricPlot(best, metric, axis, starts);
    const traces = plot.traces.map((trace, i) => {
      const { run, tag } = best[i].series;
      return { run, key: `${groupOf(run)} ${tag}`, trace };
    });
    return { ...plot, traces: joinedTraces(traces, groupOf) };
  });
  return [...scalarPlots, ...metricPlots].filter(({ traces }) => traces.length > 0);
}

/** The traces of one key in a group, joined to one. Of many, a few are drawn. */
function joinedTraces(
  traces: readonly { run: string; key: string; trace: Trace }[],
  groupOf: GroupOf,
): Trace[] {
  const joined = new Map<string, { label: string; traces: Trace[] }>();
  for (const { run, key, trace } of traces) {
    const group = groupOf(run);
    const place = group === null ? `${run} ${trace.label}` : key;
    const label = group === null ? trace.label : `${group}${trace.label.slice(run.length)}`;
    joined.set(place, { label, traces: [...(joined.get(place)?.traces ?? []), trace] });
  }
  const all = [...joined.values()].map((one) =>
    one.traces.length === 1 ? { ...one.traces[0], label: one.label } : meanTrace(one.label, one.traces),
  );
  return readable(all, CROWD_COLOUR);
}

function showScalars(event: Event): void {
  const charts = (event.currentTarget as Element).querySelector(".charts");
  charts?.scrollIntoView({ block: "start", behavior: "smooth" });
}

/** A button that shows everything again, after the user chose some runs or layers. */
function renderAll({ state }: Page) {
  if (!state.runs && !state.tags) return nothing;
  const all = (event: Event) => emit(event.target as Element, "rg-set", { runs: null, tags: null });
  return html`<button class="link" aria-description=${HELP.automatic} @click=${all}>choose automatically</button>`;
}
