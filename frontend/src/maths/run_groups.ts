import { matcher } from "./matcher";

export type Hyperparameters = Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>>;

/**
 * How runs are grouped: not at all; by what a regular expression captures of their names; by all
 * hyperparameters but a seed, or by one.
 */
export type Grouping = "" | "regex" | "hparams" | `hparam:${string}`;

/** Names of seeds, in which runs of one group differ. */
const SEED = /(^|[_\-.])(random_?)?(seed|trial|repeat|fold)s?$/i;

/** The names of the hyperparameters that any run has. */
export function hyperparameterNames(of: Hyperparameters): string[] {
  return [...new Set(Object.values(of).flatMap((values) => Object.keys(values)))].sort();
}

/** The group of each run; null if it is in none. */
export function groupsBy(
  grouping: Grouping,
  pattern: string,
  hyperparameters: Hyperparameters,
): (run: string) => string | null {
  if (grouping === "") return () => null;
  if (grouping === "regex") return (run) => captured(pattern, run);
  const only = grouping.startsWith("hparam:") ? grouping.slice("hparam:".length) : null;
  return (run) => {
    const values = hyperparametersOf(run, hyperparameters);
    const names = Object.keys(values ?? {}).filter((name) =>
      only === null ? !SEED.test(name) : name === only,
    );
    return names.length ? names.map((name) => `${name}=${values?.[name]}`).join(", ") : null;
  };
}

/**
 * What the groups of a regular expression capture, or all that it matches if it has none; null if it does not
 * match.
 */
function captured(pattern: string, run: string): string | null {
  if (!matcher(pattern).valid) return null;
  const found = new RegExp(pattern).exec(run);
  if (!found) return null;
  const parts = found.slice(1).filter((part) => part !== undefined);
  return (parts.length ? parts.join(" ") : found[0]) || null;
}

/** A run's own hyperparameters, or those of the nearest directory above it. */
function hyperparametersOf(run: string, all: Hyperparameters) {
  for (let name = run; name; name = name.slice(0, Math.max(0, name.lastIndexOf("/"))))
    if (all[name]) return all[name];
  return all["."];
}
