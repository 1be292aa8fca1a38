import { describe, expect, it } from "vitest";
import type { Series } from "../src/data/series";
import type { Show, TagEntry, Tags } from "../src/data/types";
import { type Card, extentsOverSteps, peerRequests } from "../src/pictures/cards";
import { pinnedFirst, togglePinned } from "../src/state/choices";

function entry(steps: number[], quantity = "hidden_state_gradient", samples = 2): TagEntry {
  const metadata = { quantity, description: "" };
  return { metadata, steps: steps.map((step) => [step, 1]), samples };
}

function series(run: string, tag: string): Series {
  return { run, tag, entry: entry([0, 10]) };
}

function card(run: string, show: Show): Card {
  const request = { run, tag: "g", step: 10, wallTime: 1, show, window: null, pooled: null };
  return { series: series(run, "g"), request, loaded: { status: "loading" }, shown: null };
}

describe("a range over all runs", () => {
  const tags: Tags = {
    shown: { g: entry([0, 10]) },
    near: { g: entry([0, 9, 20]), other: entry([10]) },
    without: { other: entry([10]) },
    "of another kind": { g: entry([10], "weight") },
    "of one sample": { g: entry([10], "hidden_state_gradient", 1) },
  };
  const asked = (show: Show) =>
    peerRequests([card("shown", show)], tags, 10).map(({ run, step }) => [run, step]);

  it("requests each other run that has the tag, at its nearest step", () => {
    expect(asked("rms")).toEqual([
      ["near", 9],
      ["of one sample", 10],
    ]);
  });

  it("skips a run that does not have the sample", () => {
    expect(asked(1)).toEqual([["near", 9]]);
  });

  it("requests a single block, and only once", () => {
    const requests = peerRequests([card("shown", 0), card("shown", 0)], tags, 10);
    expect(requests.map(({ run }) => run)).toEqual(["near", "of one sample"]);
    expect(requests[0].pooled).toEqual({ rows: 1, columns: 1 });
  });
});

describe("pinned series", () => {
  const all = [series("a", "g"), series("a", "h"), series("b", "g")];

  it("come first in the order in which they were pinned", () => {
    const ordered = pinnedFirst(all, [
      ["b", "g"],
      ["a", "h"],
      ["gone", "g"],
    ]);
    expect(ordered.map(({ run, tag }) => run + tag)).toEqual(["bg", "ah", "ag"]);
  });

  it("are unpinned by pinning them again", () => {
    expect(togglePinned([["a", "g"]], ["b", "g"])).toEqual([
      ["a", "g"],
      ["b", "g"],
    ]);
    expect(togglePinned([["a", "g"]], ["a", "g"])).toEqual([]);
  });
});

describe("a range over all steps", () => {
  const steps: [number, number][] = [[0, 1]];
  const flow = (columns: Record<string, Float32Array>) => ({
    columns,
    steps,
    timesteps: 2,
    batch: {},
    damaged: [],
    sampled: false,
  });

  it("comes from the flow's largest magnitudes", () => {
    const columns = { max_abs: Float32Array.of(2, 3), rms: Float32Array.of(0.5, 1) };
    const [extent] = extentsOverSteps({ status: "ready", answer: flow(columns) });
    expect(extent).toEqual({ least: -3, greatest: 3, magnitude: 3, small: 0.5 });
  });

  it("is absent if the flow has no largest magnitudes, and holds if only RMS is missing", () => {
    expect(extentsOverSteps({ status: "ready", answer: flow({ rms: Float32Array.of(1, 1) }) })).toEqual([]);
    expect(extentsOverSteps({ status: "loading" })).toEqual([]);
    const [extent] = extentsOverSteps({ status: "ready", answer: flow({ max_abs: Float32Array.of(2, 3) }) });
    expect(extent).toMatchObject({ magnitude: 3, small: Number.NaN });
  });
});
