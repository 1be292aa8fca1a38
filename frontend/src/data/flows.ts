import { fetchFlow } from "./api";
import { type Loaded, Resource } from "./resource";
import type { Series } from "./series";
import { JUDGED_EARLIER, judgesSamples } from "./statistics";
import type { Flow } from "./types";

interface FlowRequest {
  run: string;
  tag: string;
  statistics: readonly string[];
  /** The wall time of the last logged step, to which the flow belongs. */
  last: number | undefined;
}

/** The flow of series. */
export class Flows {
  private readonly flows: Resource<FlowRequest, Flow>;
  /** What was requested for each series: for its last step, and for earlier ones whose flow is in use. */
  private readonly requests = new Map<string, FlowRequest[]>();

  constructor(changed: () => void) {
    this.flows = new Resource(changed, {
      fetch: ({ run, tag, statistics }, signal) => fetchFlow(run, tag, statistics, signal),
    });
  }

  /**
   * The flow of a series with those of the named statistics that the log holds.
   *
   * Calling this fetches the flow. The older flow stays while newer steps are loading.
   */
  get({ run, tag, entry }: Series, names: readonly string[]): Loaded<Flow> {
    const statistics = held(names, entry.metadata.statistics ?? []);
    const request = { run, tag, statistics, last: entry.last_flow?.[1] };
    const { current, older } = this.find(request);
    const loaded = this.flows.get(current);
    return loaded.status === "loading" && older ? this.flows.peek(older) : loaded;
  }

  /** Forget failures, so that the next call of `get` fetches again. */
  retry(): void {
    this.flows.retry();
  }

  /** A request at the same step for at least the same statistics, and one at an earlier step that has its flow. */
  private find(asked: FlowRequest): { current: FlowRequest; older: FlowRequest | undefined } {
    const { run, tag, statistics, last } = asked;
    const key = JSON.stringify([run, tag]);
    const known = this.requests.get(key) ?? [];
    const holding = known.filter((request) => statistics.every((name) => request.statistics.includes(name)));
    const current = holding.find((request) => request.last === last);
    const older = holding.find(
      (request) => request.last !== last && this.flows.peek(request).status === "ready",
    );
    if (current) return { current, older };
    const isUsed = (request: FlowRequest) => request.last === last || request === older;
    for (const request of known) if (!isUsed(request)) this.flows.drop(request);
    this.requests.set(key, [...known.filter(isUsed), asked]);
    return { current: asked, older };
  }
}

/** The statistics to request: those that are logged of the named ones, and of what older logs need beside them. */
function held(names: readonly string[], logged: readonly string[]): string[] {
  const wanted = judgesSamples(logged) ? names : [...names, ...JUDGED_EARLIER];
  return [...new Set(wanted)].filter((name) => logged.includes(name));
}
