import { describe, expect, it } from "vitest";
import { nearestPoint, pointBeside } from "../src/maths/points";

const VALUES = [0.5, Number.NaN, -2, 3, 0.5, Number.POSITIVE_INFINITY];

describe("points of a sample", () => {
  it("are found by their height, if they have one", () => {
    const place = (value: number) => 10 * value;
    expect(nearestPoint(VALUES, place, 29)).toBe(3);
    expect(nearestPoint(VALUES, place, -100)).toBe(2);
    expect(nearestPoint([Number.NaN], place, 0)).toBeNull();
  });

  it("are visited from the lowest to the highest, without missing values, and no further", () => {
    const up = [2, 0, 4, 3];
    up.forEach((channel, i) => {
      expect(pointBeside(VALUES, channel, 1)).toBe(up[Math.min(3, i + 1)]);
      expect(pointBeside(VALUES, channel, -1)).toBe(up[Math.max(0, i - 1)]);
    });
  });

  it("begin with the lowest going up and the highest going down, if no point is chosen", () => {
    expect(pointBeside(VALUES, null, 1)).toBe(2);
    expect(pointBeside(VALUES, null, -1)).toBe(3);
    expect(pointBeside(VALUES, 1, 1)).toBe(2); // a channel without a point here
    expect(pointBeside([], null, 1)).toBeNull();
  });
});
