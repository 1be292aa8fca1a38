/** Labelled controls for the bars, each with its help. */

import { html, type TemplateResult } from "lit";
import { INITIAL, type State } from "../../state/state";
import { emit } from "../base/events";
import { HELP, type Help } from "./help";

/** A value and its name in the list. */
export type Option = readonly [value: string, name: string];

/** A list to choose from. It calls `chosen` with the user's choice. */
export function select(
  id: Help,
  label: string,
  options: readonly Option[],
  value: string,
  chosen: (value: string) => void,
): TemplateResult {
  return labelled(
    id,
    label,
    options.map((option) => optionOf(option, value)),
    chosen,
  );
}

/** The same list with its options in groups. */
export function labelled(
  id: Help,
  label: string,
  options: TemplateResult | readonly TemplateResult[],
  chosen: (value: string) => void,
): TemplateResult {
  return html`<span class="field">
    <label for=${id}>${label}</label>
    <select id=${id} aria-description=${HELP[id]} @change=${(event: Event) => chosen((event.target as HTMLSelectElement).value)}>
      ${options}
    </select>
  </span>`;
}

export function optionOf([value, name]: Option, chosen: string): TemplateResult {
  return html`<option value=${value} .selected=${value === chosen}>${name}</option>`;
}

/** The typed number; null if the field is empty, undefined if the text is not a number that fits. */
export function typed(text: string, fits: (value: number) => boolean): number | null | undefined {
  if (text.trim() === "") return null;
  const value = Number(text.replaceAll("−", "-"));
  return Number.isFinite(value) && fits(value) ? value : undefined;
}

/** A field for a number. If it is empty the page uses `automatic`. An invalid text is put back. */
export function numberField(
  id: Help,
  label: string,
  value: number | null,
  automatic: string,
  fits: (value: number) => boolean,
  chosen: (value: number | null) => void,
  name = label,
): TemplateResult {
  const onChange = (event: Event) => {
    const input = event.target as HTMLInputElement;
    const found = typed(input.value, fits);
    if (found === undefined) input.value = value === null ? "" : String(value);
    else chosen(found);
  };
  return html`<span class="field">
    <label for=${id}>${label}</label>
    <input
      id=${id} type="text" inputmode="decimal" class="number" aria-label=${name} aria-description=${HELP[id]} placeholder=${automatic}
      .value=${value === null ? "" : String(value)} @change=${onChange}
    />
  </span>`;
}

/** Whether to show a rare control: all of them are shown, or this one differs from its default. */
export function isShown(state: Readonly<State>, key: keyof State): boolean {
  return state.more || state[key] !== INITIAL[key];
}

/** A button that shows or folds away the rare controls of every view. */
export function moreButton({ more }: Readonly<State>): TemplateResult {
  return html`<button
    class="link" aria-expanded=${more ? "true" : "false"} aria-description=${HELP.more}
    @click=${(event: Event) => emit(event.currentTarget as Element, "rg-set", { more: !more })}
  >${more ? "Fewer controls" : "More controls"}</button>`;
}
