/** Labelled controls for the bars, each with its help. */

import { html, nothing, type TemplateResult } from "lit";
import { nameOf, type Series } from "../../data/series";
import type { Codec } from "../../state/codecs";
import { FIELDS, INITIAL, type State } from "../../state/state";
import { emit } from "../base/events";
import { HELP, type Help } from "./help";

/** A value and its name in the list. Null is the page's own choice. */
export type Option<Value = string> = readonly [value: Value, name: string];

/** A list to choose from. It calls `chosen` with the user's choice and the list. */
export function select<Value extends string | number | boolean | null>(
  id: Help,
  label: string,
  options: readonly Option<Value>[],
  value: Value,
  chosen: (value: Value, list: EventTarget) => void,
): TemplateResult {
  const listed = options.map(([offered, name]) => optionOf([textOf(offered), name], textOf(value)));
  return labelled(id, label, listed, (text, list) => {
    const found = options.find(([offered]) => textOf(offered) === text);
    if (found) chosen(found[0], list);
  });
}

function textOf(value: string | number | boolean | null): string {
  return String(value ?? "");
}

/** The same list with options that are rendered already, in groups or not. It calls `chosen` with the text. */
export function labelled(
  id: Help,
  label: string,
  options: TemplateResult | readonly TemplateResult[],
  chosen: (text: string, list: EventTarget) => void,
): TemplateResult {
  const onChange = ({ target }: Event) => chosen((target as HTMLSelectElement).value, target as EventTarget);
  return html`<span class="field">
    <label for=${id}>${label}</label>
    <select id=${id} aria-description=${HELP[id]} @change=${onChange}>${options}</select>
  </span>`;
}

export function optionOf([value, name]: Option, chosen: string): TemplateResult {
  return html`<option value=${value} .selected=${value === chosen}>${name}</option>`;
}

/** The state's options of which a list can offer the values. */
type Listed = {
  [Key in keyof State]: State[Key] extends string | number | boolean | null ? Key : never;
}[keyof State] &
  Help;

/** A list of the values of one of the state's options. `shown` is the one in use if it is not the chosen one. */
export function choose<Key extends Listed>(
  state: Readonly<State>,
  key: Key,
  label: string,
  options: readonly Option<State[Key]>[],
  shown: State[Key] = state[key],
): TemplateResult {
  return select(key, label, options, shown, (value, list) => emit(list, "rg-set", { [key]: value }));
}

/** Two lists of the series on the page, for A and for B of a comparison. */
export function chooseCompared(
  series: readonly Series[],
  compared: readonly [a: Series, b: Series],
): TemplateResult[] {
  const options = series.map(({ run, tag }, i): Option<number> => [i, `${run}: ${tag}`]);
  return (["a", "b"] as const).map((side, i) =>
    select(side, side.toUpperCase(), options, series.indexOf(compared[i]), (place, list) =>
      emit(list, "rg-set", { [side]: nameOf(series[place]) }),
    ),
  );
}

/** What a typed text means to a codec; undefined if it is not valid. It may have spaces and typographic signs. */
export function typed<Value>({ read }: Codec<Value>, text: string): Value | undefined {
  return read(text.trim().replaceAll("−", "-"));
}

/** The state's numbers that the page chooses while the user did not. */
type Numeric = {
  [Key in keyof State]: [number | null, State[Key]] extends [State[Key], number | null] ? Key : never;
}[keyof State] &
  Help;

/** A field for one of the state's numbers. If it is empty the page uses `automatic`. An invalid text is put back. */
export function numberField(
  state: Readonly<State>,
  key: Numeric,
  label: string,
  automatic: string,
  name = label,
): TemplateResult {
  const text = String(state[key] ?? "");
  const onChange = (event: Event) => {
    const input = event.target as HTMLInputElement;
    const value = typed(FIELDS[key].codec, input.value);
    if (value === undefined) input.value = text;
    else emit(input, "rg-set", { [key]: value });
  };
  return html`<span class="field">
    <label for=${key}>${label}</label>
    <input
      id=${key} type="text" inputmode="decimal" class="number" aria-label=${name} aria-description=${HELP[key]} placeholder=${automatic}
      .value=${text} @change=${onChange}
    />
  </span>`;
}

/** Whether to show a rare control: all of them are shown, or this one differs from its default. */
export function isShown(state: Readonly<State>, key: keyof State): boolean {
  return state.more || state[key] !== INITIAL[key];
}

/** The control of an option that is rarely changed. */
export function rare(state: Readonly<State>, key: keyof State, control: TemplateResult) {
  return isShown(state, key) ? control : nothing;
}

/** A button that shows or folds away the rare controls of every tab. */
export function moreButton({ more }: Readonly<State>): TemplateResult {
  return html`<button
    class="link" aria-expanded=${more ? "true" : "false"} aria-description=${HELP.more}
    @click=${(event: Event) => emit(event.currentTarget as Element, "rg-set", { more: !more })}
  >${more ? "Fewer controls" : "More controls"}</button>`;
}
