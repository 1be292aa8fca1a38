import {
  type Band,
  bandsOf,
  type Curve,
  MOST_CURVES,
  type Range,
  rangeOf,
  specialWords,
} from "../../maths/curves";

/** What is drawn, and what it says in words. */
export interface Content {
  curves: readonly Curve[];
  /** Bands to draw instead of the curves, if there are many. */
  bands: readonly Band[];
  range: Range | null;
  specials: string;
}

export function contentOf(curves: readonly Curve[]): Content {
  const bands = curves.length > MOST_CURVES ? bandsOf(curves) : [];
  return { curves, bands, range: rangeOf(curves), specials: specialWords(curves) };
}
