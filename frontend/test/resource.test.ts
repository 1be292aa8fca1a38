import { beforeEach, expect, test, vi } from "vitest";
import { Resource } from "../src/data/resource";

/** The fetches that wait for an answer, in order. */
let waiting: { request: string; signal: AbortSignal; give(answer: string): void; fail(error: Error): void }[];
let told: number;
let letters: Resource<string, string>;

function make(limits: { parallel?: number; budget?: number } = {}): Resource<string, string> {
  const fetch = (request: string, signal: AbortSignal) =>
    new Promise<string>((give, fail) => waiting.push({ request, signal, give, fail }));
  return new Resource<string, string>(() => told++, { fetch, ...limits });
}

const requests = () => waiting.map(({ request }) => request);

/** Let the resource process the answers given. */
const settle = () => vi.waitFor(() => Promise.resolve());

async function answer(request: string, text: string): Promise<void> {
  waiting
    .splice(
      waiting.findIndex((one) => one.request === request),
      1,
    )[0]
    .give(text);
  await settle();
}

beforeEach(() => {
  waiting = [];
  told = 0;
  letters = make();
});

test("an answer is fetched once however often it is asked for", async () => {
  expect(letters.get("a")).toEqual({ status: "loading" });
  letters.get("a");
  expect(requests()).toEqual(["a"]);
  await answer("a", "A");
  expect(letters.get("a")).toEqual({ status: "ready", answer: "A" });
  expect(requests()).toEqual([]);
  expect(told).toBe(1);
});

test("a failure stays until it is tried again", async () => {
  letters.get("a");
  waiting.pop()?.fail(new Error("gone"));
  await settle();
  expect(letters.get("a")).toEqual({ status: "error", message: "gone" });
  expect(requests()).toEqual([]);
  letters.retry();
  expect(letters.get("a")).toEqual({ status: "loading" });
  expect(requests()).toEqual(["a"]);
});

test("an expired answer is fetched again and stays in use meanwhile, also if that fails", async () => {
  letters.get("a");
  await answer("a", "old");
  letters.expire();
  expect(letters.get("a")).toMatchObject({ answer: "old" });
  expect(requests()).toEqual(["a"]);
  waiting.pop()?.fail(new Error("gone"));
  await settle();
  expect(letters.get("a")).toMatchObject({ answer: "old" });
  letters.expire();
  letters.get("a");
  await answer("a", "new");
  expect(letters.get("a")).toMatchObject({ answer: "new" });
  expect(requests()).toEqual([]);
});

test("an answer that expires while it is on its way is fetched once more", async () => {
  letters.get("a");
  letters.expire();
  letters.get("a");
  expect(requests()).toEqual(["a"]);
  await answer("a", "old");
  letters.get("a");
  expect(requests()).toEqual(["a"]);
});

test("no more requests than allowed run at once, and those nobody wants any longer are cancelled", async () => {
  letters = make({ parallel: 2 });
  letters.want(["a", "b", "c"]);
  expect(requests()).toEqual(["a", "b"]);
  const [{ signal }] = waiting;
  letters.want(["b", "c"]);
  expect(signal.aborted).toBe(true);
  expect(requests()).toEqual(["a", "b", "c"]);
});

test("the answer used least recently is dropped beyond the budget", async () => {
  letters = make({ budget: 2 });
  for (const letter of ["a", "b"]) {
    letters.get(letter);
    await answer(letter, letter);
  }
  letters.get("a");
  letters.get("c");
  await answer("c", "c");
  expect(["a", "b", "c"].map((letter) => letters.peek(letter).status)).toEqual(["ready", "loading", "ready"]);
});

test("a dropped answer is forgotten and not awaited", async () => {
  letters.get("a");
  const [{ signal }] = waiting;
  letters.drop("a");
  expect(signal.aborted).toBe(true);
  await answer("a", "A");
  expect(letters.peek("a")).toEqual({ status: "loading" });
  expect(told).toBe(0);
});
