import { describe, expect, it } from "vitest";
import { codeValue, PADDING } from "../src/colour/bfloat16";
import { placer, SCALE_NAMES, type Scale } from "../src/colour/scale";
import {
  BEYOND,
  beyondOn,
  colourTable,
  MAP_NAMES,
  mapColours,
  SPECIALS,
  zeroColour,
} from "../src/colour/table";

const scale: Scale = { name: "symlog", low: -1, high: 1, threshold: 1e-3 };

function rgba(pixel: number): number[] {
  return [pixel & 255, (pixel >>> 8) & 255, (pixel >>> 16) & 255, pixel >>> 24];
}

describe("a colour table", () => {
  const table = colourTable(scale, "vik");
  const colours = mapColours("vik");

  it("gives the ends of the map to the ends of the scale", () => {
    expect(rgba(table[0x3f80])).toEqual([...colours.slice(765), 255]); // 1.0
    expect(rgba(table[0xbf80])).toEqual([...colours.slice(0, 3), 255]); // -1.0
  });

  it("gives special values colours that no map has", () => {
    const special = [0x0000, 0x7fc0, 0x7f80, 0xff80].map((code) => rgba(table[code]).slice(0, 3));
    expect(special).toEqual(Object.values(SPECIALS).map(({ rgb }) => [...rgb]));
    for (const name of MAP_NAMES) {
      const map = mapColours(name);
      const used = new Set(Array.from({ length: 256 }, (_, i) => map.slice(3 * i, 3 * i + 3).join()));
      const [, ...others] = special;
      for (const rgb of [zeroColour(name), ...others]) expect(used.has(rgb.join())).toBe(false);
    }
  });

  it("keeps special values far from every colour of every map", () => {
    for (const name of MAP_NAMES) {
      const { nan, posinf, neginf } = SPECIALS;
      const apart = [nan, posinf, neginf, ...Object.values(BEYOND)].map(({ rgb }) => rgb);
      for (const rgb of [zeroColour(name), ...apart]) {
        const map = mapColours(name);
        const distances = Array.from({ length: 256 }, (_, i) =>
          Math.hypot(...rgb.map((level, j) => level - map[3 * i + j])),
        );
        expect(Math.min(...distances), `${rgb} in ${name}`).toBeGreaterThan(35);
      }
    }
  });

  it("shows both zeros alike, and no other value in their colour", () => {
    expect(table[0x8000]).toBe(table[0]);
    expect(table[0x0001]).not.toBe(table[0]);
    expect(table[0x8001]).not.toBe(table[0]);
  });

  it.each(SCALE_NAMES)("gives every code the colour at its place on a %s scale", (name) => {
    for (const low of [-3, 0]) {
      const own: Scale = {
        name,
        low: name === "log" ? 1e-4 : name === "abs" ? 0 : low,
        high: 3,
        threshold: 1e-4,
      };
      const table = colourTable(own, "vik");
      const place = placer(own);
      for (let code = 1; code < 0x10000; code += 7) {
        const value = codeValue(code);
        if (!Number.isFinite(value) || value === 0 || beyondOn(own, value)) continue;
        const exact = place(value) * 256;
        // At the very edge between two colours, rounding may give either.
        const near = [exact - 1e-9, exact + 1e-9].map((at) => Math.min(255, Math.max(0, Math.floor(at))));
        const allowed = near.map((i) => [...colours.slice(3 * i, 3 * i + 3), 255].join());
        expect(allowed).toContain(rgba(table[code]).join());
      }
    }
  });

  it("gives values beyond a range their own colours, but not values that rounding moved there", () => {
    const [above, below] = [0x4000, 0xc000].map((code) => rgba(table[code]).slice(0, 3)); // 2 and -2
    expect([above, below]).toEqual([[...BEYOND.above.rgb], [...BEYOND.below.rgb]]);
    const rounded = colourTable({ ...scale, low: -0.999, high: 0.999 }, "vik");
    expect(rgba(rounded[0x3f80])).toEqual([...colours.slice(765), 255]);
  });

  it("drops the sign on scales of magnitudes, and has no lower end for log", () => {
    const abs = colourTable({ name: "abs", low: 0, high: 1, threshold: 0.5 }, "viridis");
    expect(abs[0xbf00]).toBe(abs[0x3f00]);
    expect(rgba(abs[0xc000]).slice(0, 3)).toEqual([...BEYOND.above.rgb]);
    const log: Scale = { name: "log", low: 1e-3, high: 1, threshold: 1e-3 };
    expect(beyondOn(log, 1e-9)).toBe(null);
  });

  it("leaves padding transparent", () => {
    expect(table[PADDING]).toBe(0);
  });
});

describe("a colour table of logarithms", () => {
  it("shows -Inf as the exact 0 that it stands for, and 0 as an ordinary number", () => {
    const table = colourTable(
      { name: "linear", low: -2, high: 0, threshold: 1, logarithms: true },
      "viridis",
    );
    expect(rgba(table[0xff80]).slice(0, 3)).toEqual([...SPECIALS.zero.rgb]);
    expect(rgba(table[0])).toEqual([...mapColours("viridis").slice(765), 255]);
  });
});

describe("a colour map", () => {
  it.each(MAP_NAMES)("%s has 256 colours", (name) => {
    expect(mapColours(name).length).toBe(768);
  });
});
