import { fetchTensor, tensorQuery } from "./api";
import { Resource } from "./resource";
import type { Tensor, TensorRequest } from "./types";

const BUDGET_BYTES = 256 * 2 ** 20;
/** A browser opens six connections. One stays free for listings and flow. */
const PARALLEL = 5;

/** Views of records. Beyond the budget only those shown stay. */
export class Tensors extends Resource<TensorRequest, Tensor> {
  constructor(changed: () => void) {
    super(changed, {
      fetch: fetchTensor,
      keyOf: requestKey,
      parallel: PARALLEL,
      budget: BUDGET_BYTES,
      sizeOf: ({ values, codes }) => values.values.byteLength + codes.values.byteLength,
    });
  }
}

export function requestKey(request: TensorRequest): string {
  return JSON.stringify(tensorQuery(request));
}
