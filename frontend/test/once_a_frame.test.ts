import { afterEach, expect, it, vi } from "vitest";
import { onceAFrame } from "../src/page/once_a_frame";

afterEach(() => vi.unstubAllGlobals());

it("many calls before a frame draw once in it, and later calls draw in the next", () => {
  const frames: (() => void)[] = [];
  vi.stubGlobal("requestAnimationFrame", (run: () => void) => frames.push(run)); // Node.js has no frames
  let drawn = 0;
  const redraw = onceAFrame(() => drawn++);
  for (let answer = 0; answer < 40; answer++) redraw();
  expect([frames.length, drawn]).toEqual([1, 0]);
  frames.shift()?.();
  expect(drawn).toBe(1);
  redraw();
  frames.shift()?.();
  expect(drawn).toBe(2);
});
