import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Tensors } from "../src/data/tensors";
import type { TensorRequest } from "../src/data/types";

const MEGABYTE = 2 ** 20;
/** The requests that wait for an answer, by step. */
let waiting: Map<number, (response: Response) => void>;

function view(step: number): TensorRequest {
  return { run: "a", tag: "g", step, wallTime: 1, show: 0, window: null, pooled: null };
}

/** Answer with a view of `cells` cells, and let the cache take it. */
async function answer(step: number, cells = 1): Promise<void> {
  const headers = { "X-RnnGrad-Shape": `1,${cells}`, "X-RnnGrad-Full-Shape": `1,${cells}` };
  waiting.get(step)?.(new Response(new ArrayBuffer(4 * cells), { headers }));
  waiting.delete(step);
  await vi.waitFor(() => expect(tensors.peek(view(step)).status).toBe("ready"), { interval: 1 });
}

let told: number;
let tensors: Tensors;

beforeEach(() => {
  waiting = new Map();
  vi.stubGlobal("fetch", (url: string) => {
    const step = Number(new URLSearchParams(url.split("?")[1]).get("step"));
    return new Promise((resolve) => waiting.set(step, resolve));
  });
  told = 0;
  tensors = new Tensors(() => told++);
});

afterEach(() => vi.unstubAllGlobals());

test("views wanted soon are requested after all views wanted now have arrived, without a notification", async () => {
  tensors.want([view(1), view(2)], [view(3)]);
  expect([...waiting.keys()]).toEqual([1, 2]);
  await answer(1);
  expect([...waiting.keys()]).toEqual([2]);
  await answer(2);
  expect([...waiting.keys()]).toEqual([3]);
  expect(told).toBe(1);
  await answer(3);
  expect(told).toBe(1);
});

test("while some of many views are loading, those that arrived are reported after a while", async () => {
  tensors.want([view(1), view(2), view(3)]);
  await answer(1);
  await answer(2);
  await vi.waitFor(() => expect(told).toBe(1));
  await answer(3);
  expect(told).toBe(2);
});

test("shown views are kept beyond the byte budget, and views shown earlier are dropped", async () => {
  const large = 22 * MEGABYTE; // cells of 6 bytes
  tensors.want([view(0)]);
  await answer(0);
  tensors.want([view(1), view(2)]);
  await answer(1, large);
  await answer(2, large);
  expect([0, 1, 2].map((step) => tensors.peek(view(step)).status)).toEqual(["loading", "ready", "ready"]);
});

test("the state of a view stays the same object", async () => {
  tensors.want([view(1)]);
  expect(tensors.peek(view(1))).toBe(tensors.peek(view(2)));
  await answer(1);
  expect(tensors.peek(view(1))).toBe(tensors.peek(view(1)));
});
