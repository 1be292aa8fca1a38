import { expect, test } from "vitest";
import { mapColours } from "../src/colour/table";

test("gray runs from black to white in steps of one", () => {
  const grays = Array.from({ length: 256 }, (_, i) => [i, i, i]).flat();
  expect([...mapColours("gray")]).toEqual(grays);
});

test("viridis begins and ends as Matplotlib's does", () => {
  const colours = mapColours("viridis");
  expect([...colours.slice(0, 6)]).toEqual([68, 1, 84, 68, 2, 85]);
  expect([...colours.slice(-3)]).toEqual([253, 231, 36]);
});
