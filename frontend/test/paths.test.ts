import { describe, expect, it } from "vitest";
import { bandPath, linePath } from "../src/maths/paths";

const x = (i: number) => 10 * i;
const y = (value: number) => -value;

describe("a path", () => {
  it("has gaps at null, and continues over undefined", () => {
    expect(linePath([1, 2, null, 3, undefined, 4], x, y)).toBe(
      "M0.0,-1.0L0.0,-1.0L10.0,-2.0M30.0,-3.0L30.0,-3.0L50.0,-4.0",
    );
  });

  it("follows a band's upper line forward and its lower line back", () => {
    expect(bandPath([1, 1, null, 1], [2, 3, 9, 2], x, y)).toBe(
      "M0.0,-2.0L10.0,-3.0L10.0,-1.0L0.0,-1.0ZM30.0,-2.0L30.0,-1.0Z",
    );
  });
});
