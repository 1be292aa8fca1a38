/** Parts: directions and stacked cells, whose flow is logged and judged separately. */

import type { TagEntry, Tags } from "./types";

/** The answer of `/tags`, in which a record's entry holds the entries of its parts. */
export type ListedTags = Record<string, Record<string, ListedEntry>>;

export type ListedEntry = Omit<TagEntry, "parts"> & { parts?: Record<string, TagEntry> };

/** The same listing with a tag for each part, and with the names of its parts in each record. */
export function withParts(listed: ListedTags): Tags {
  const flat = (entries: Record<string, ListedEntry>) =>
    Object.entries(entries).flatMap(([tag, { parts, ...entry }]): [string, TagEntry][] =>
      parts ? [[tag, { ...entry, parts: Object.keys(parts) }], ...Object.entries(parts)] : [[tag, entry]],
    );
  return Object.fromEntries(
    Object.entries(listed).map(([run, entries]) => [run, Object.fromEntries(flat(entries))]),
  );
}

/** The other tags of the same layer: a record's parts, or a part's record. */
export function relatives({ metadata, parts }: TagEntry): string[] {
  return metadata.part_of == null ? (parts ?? []) : [metadata.part_of];
}

/**
 * Whether timesteps are also lags. They are not if parts have orders of their own, nor for the sum of two
 * directions.
 */
export function hasLags({ metadata, parts }: TagEntry): boolean {
  return parts === undefined && metadata.direction !== "both";
}

/** The name of a part in its record, such as "backward" or "cell_1"; null for a record. */
export function partName(tag: string, { metadata }: TagEntry): string | null {
  return metadata.part_of == null ? null : tag.slice(metadata.part_of.length + 1);
}

/** A tag in words; for a part, the record and the part. */
export function tagWords(tag: string, entry: TagEntry): string {
  const part = partName(tag, entry);
  return part === null ? tag : `${entry.metadata.part_of}, ${part}`;
}
