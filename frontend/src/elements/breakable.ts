import { html } from "lit";

/** A name that breaks between its parts (after slashes, underscores, dots, commas and equals signs), inside one only where it must. */
export function breakable(name: string) {
  return name
    .split(/(?<=[/_.,=])/)
    .map((part) => html`<span style="display:inline-block;max-width:100%">${part}</span>`);
}
