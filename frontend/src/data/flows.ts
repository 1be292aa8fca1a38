/** Flows: fetched once for each last step that has one. */

import type { Series } from "../choices";
import { fetchFlow } from "./api";
import type { Flow } from "./types";

export type LoadedFlow =
  | { status: "loading" }
  | { status: "ready"; flow: Flow }
  | { status: "error"; message: string };

export class Flows {
  private readonly kept = new Map<string, { of: string; loaded: LoadedFlow }>();

  /** `changed` is called whenever a flow came or failed. */
  constructor(private readonly changed: () => void) {}

  /** The flow of a series. Asking fetches it; while newer steps are under way, the older flow stands. */
  get({ run, tag, entry }: Series): LoadedFlow {
    const key = JSON.stringify([run, tag]);
    const of = String(entry.last_flow?.[1]);
    const found = this.kept.get(key);
    if (found?.of === of) return found.loaded;
    const loaded: LoadedFlow = found?.loaded.status === "ready" ? found.loaded : { status: "loading" };
    this.kept.set(key, { of, loaded });
    void this.fetch(key, of, run, tag);
    return loaded;
  }

  /** Forget failures, so that asking fetches again. */
  retry(): void {
    for (const [key, { loaded }] of this.kept) if (loaded.status === "error") this.kept.delete(key);
  }

  private async fetch(key: string, of: string, run: string, tag: string): Promise<void> {
    let loaded: LoadedFlow;
    try {
      loaded = { status: "ready", flow: await fetchFlow(run, tag) };
    } catch (error) {
      loaded = { status: "error", message: error instanceof Error ? error.message : String(error) };
    }
    if (this.kept.get(key)?.of !== of) return; // newer steps are under way already
    this.kept.set(key, { of, loaded });
    this.changed();
  }
}
