import { fetchFlow } from "./api";
import type { Series } from "./series";
import { JUDGED_EARLIER, judgesSamples } from "./statistics";
import { Telling } from "./telling";
import type { Flow } from "./types";

export type LoadedFlow =
  | { status: "loading" }
  | { status: "ready"; flow: Flow }
  | { status: "error"; message: string };

interface Kept {
  /** Which logged steps the flow belongs to. */
  of: string;
  statistics: readonly string[];
  loaded: LoadedFlow;
}

export class Flows {
  /** What was last requested for each series. */
  private readonly kept = new Map<string, Kept[]>();
  private readonly telling: Telling;
  private awaited = 0;

  /** `changed` is called whenever a flow arrived or failed. */
  constructor(changed: () => void) {
    this.telling = new Telling(changed);
  }

  /**
   * The flow of a series with those of the named statistics that the log holds.
   *
   * Calling this fetches the flow. The older flow stays while newer steps are loading.
   */
  get(series: Series, names: readonly string[]): LoadedFlow {
    const { run, tag, entry } = series;
    const key = JSON.stringify([run, tag]);
    const of = String(entry.last_flow?.[1]);
    const logged = entry.metadata.statistics ?? [];
    const wanted = judgesSamples(logged) ? names : [...names, ...JUDGED_EARLIER];
    const statistics = [...new Set(wanted)].filter((name) => logged.includes(name));
    const holding = (this.kept.get(key) ?? []).filter((one) =>
      statistics.every((name) => one.statistics.includes(name)),
    );
    const current = holding.find((one) => one.of === of);
    if (current) return current.loaded;
    const older = holding.find(({ loaded }) => loaded.status === "ready");
    const kept: Kept = { of, statistics, loaded: older?.loaded ?? { status: "loading" } };
    const others = (this.kept.get(key) ?? []).filter((one) => one.of === of || one === older);
    this.kept.set(key, [...others, kept]);
    void this.fetch(kept, run, tag);
    return kept.loaded;
  }

  /** Forget failures, so that the next call of `get` fetches again. */
  retry(): void {
    for (const [key, kept] of this.kept) {
      const good = kept.filter(({ loaded }) => loaded.status !== "error");
      this.kept.set(key, good);
    }
  }

  private async fetch(kept: Kept, run: string, tag: string): Promise<void> {
    this.awaited++;
    try {
      kept.loaded = { status: "ready", flow: await fetchFlow(run, tag, kept.statistics) };
    } catch (error) {
      kept.loaded = { status: "error", message: error instanceof Error ? error.message : String(error) };
    }
    this.telling.tell(--this.awaited > 0);
  }
}
