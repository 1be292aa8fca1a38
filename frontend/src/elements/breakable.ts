import { html } from "lit";

/** A name that breaks after its slashes, underscores and dots, where it has to. */
export function breakable(name: string) {
  return name.split(/(?<=[/_.])/).map((part) => html`${part}<wbr />`);
}
