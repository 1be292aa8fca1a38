import { html } from "lit";

/** A symbol such as dL/dh_t, with its indices as subscripts. */
export function renderSymbol(symbol = "") {
  const parts = symbol.split(/_(\w)/);
  return html`<i>${parts.map((part, i) => (i % 2 ? html`<sub>${part}</sub>` : part))}</i>`;
}
