import { type Cursor, emit } from "../../components/base/events";
import { type Zoomed, zoomKeys } from "./time_zoom";

/** What keys act on: a grid of small plots, one of which has the focus. */
export interface KeyedPlots extends Zoomed {
  readonly plots: readonly HTMLElement[];
  /** The place of the plot with the focus. */
  readonly focused: number;
  readonly channels: readonly number[];
  readonly span: readonly [number, number];
  readonly turned: boolean;
  readonly cursor: Cursor | null;
  /** The numbers of the drawn samples. */
  readonly numbers: readonly number[];
}

/** How many of some elements are in the first row. */
export function columnsOf(plots: readonly HTMLElement[]): number {
  return plots.filter(({ offsetTop }) => offsetTop === plots[0].offsetTop).length;
}

/** Arrows read timesteps and move between plots; n and p choose a sample; Enter pins; +, - and 0 zoom. */
export function onPlotKey(event: KeyboardEvent, grid: KeyedPlots): void {
  const { plots, focused, turned, cursor, numbers } = grid;
  const [from, to] = grid.span;
  const c = grid.channels[focused];
  const later = turned ? -1 : 1;
  const t = cursor?.t ?? (turned ? to : from - 1);
  const s = cursor?.s ?? numbers[0];
  const readAt = (timestep: number, sample = s) =>
    emit(grid, "rg-cursor", { t: Math.min(to - 1, Math.max(from, timestep)), c, s: sample });
  const readSample = (by: number) =>
    readAt(t, numbers[(numbers.indexOf(s) + by + numbers.length) % numbers.length]);
  const go = (place: number) => {
    if (!plots[place]) return;
    plots[place].focus();
    if (cursor) emit(grid, "rg-cursor", { t, c: grid.channels[place], s });
  };
  const pin = () => emit(grid, "rg-pin", { t: 0, c });
  const columns = columnsOf(plots);
  const actions: Record<string, () => void> = {
    ArrowLeft: () => (event.shiftKey ? go(focused - 1) : readAt(t - later)),
    ArrowRight: () => (event.shiftKey ? go(focused + 1) : readAt(t + later)),
    ArrowUp: () => go(focused - columns),
    ArrowDown: () => go(focused + columns),
    Home: () => readAt(turned ? to - 1 : from),
    End: () => readAt(turned ? from : to - 1),
    n: () => readSample(1),
    p: () => readSample(-1),
    Enter: pin,
    " ": pin,
    ...zoomKeys(grid),
  };
  if (!(event.key in actions)) return;
  actions[event.key]();
  event.preventDefault();
}
