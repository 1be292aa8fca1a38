import { describe, expect, it } from "vitest";
import { codeValue, NAN, PADDING, toCodes } from "../src/colour/bfloat16";

function codes(...values: number[]): number[] {
  return [...toCodes(new Uint32Array(Float32Array.from(values).buffer))];
}

describe("bfloat16 codes", () => {
  it("round to the nearest number of 8 significant bits, ties to even", () => {
    const [up, down, tieDown, tieUp] = codes(1 + 0.75 / 128, 1 + 0.25 / 128, 1 + 0.5 / 128, 1 + 1.5 / 128);
    expect(codeValue(up)).toBe(1 + 1 / 128);
    expect(codeValue(down)).toBe(1);
    expect(codeValue(tieDown)).toBe(1);
    expect(codeValue(tieUp)).toBe(1 + 2 / 128);
  });

  it("never round a non-zero value to exact 0", () => {
    expect(codes(1e-45, -1e-45)).toEqual([0x0001, 0x8001]);
  });

  it("never round a finite value to Inf", () => {
    const [large, negative] = codes(3.4028235e38, -3.4028235e38);
    expect(Number.isFinite(codeValue(large))).toBe(true);
    expect(Number.isFinite(codeValue(negative))).toBe(true);
  });

  it("keep 0, infinities and both kinds of NaN apart", () => {
    const bits = new Uint32Array([0, 0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7fc10000]);
    expect([...toCodes(bits)]).toEqual([0, 0x8000, 0x7f80, 0xff80, NAN, PADDING]);
  });

  it("are within half a unit of the eighth bit of any number", () => {
    for (let i = 0; i < 1000; i++) {
      const value = Math.fround((Math.random() - 0.5) * 10 ** (Math.random() * 60 - 30));
      const [code] = codes(value);
      expect(Math.abs(codeValue(code) - value)).toBeLessThanOrEqual(Math.abs(value) / 256);
    }
  });
});
