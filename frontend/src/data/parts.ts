/** Parts: directions and stacked cells, whose flow is logged and judged by itself. */

import type { TagEntry, Tags } from "./types";

/** As `/tags` answers: the entries of a record's parts stand in its own. */
export type ListedTags = Record<string, Record<string, ListedEntry>>;

export type ListedEntry = Omit<TagEntry, "parts"> & { parts?: Record<string, TagEntry> };

/** The same with a tag for each part too, and each record naming its parts. */
export function withParts(listed: ListedTags): Tags {
  const flat = (entries: Record<string, ListedEntry>) =>
    Object.entries(entries).flatMap(([tag, { parts, ...entry }]): [string, TagEntry][] =>
      parts ? [[tag, { ...entry, parts: Object.keys(parts) }], ...Object.entries(parts)] : [[tag, entry]],
    );
  return Object.fromEntries(
    Object.entries(listed).map(([run, entries]) => [run, Object.fromEntries(flat(entries))]),
  );
}

/** The tags of the same layer: of a record its parts, of a part its record. */
export function relatives({ metadata, parts }: TagEntry): string[] {
  return metadata.part_of == null ? (parts ?? []) : [metadata.part_of];
}

/** Whether its timesteps are lags too: not where parts work in orders of their own, nor of the sum of two directions. */
export function hasLags({ metadata, parts }: TagEntry): boolean {
  return parts === undefined && metadata.direction !== "both";
}

/** What a part is in its record, such as "backward" or "cell_1"; null where it is a record itself. */
export function partName(tag: string, { metadata }: TagEntry): string | null {
  return metadata.part_of == null ? null : tag.slice(metadata.part_of.length + 1);
}

/** A tag in words: of a part, its record and which part. */
export function tagWords(tag: string, entry: TagEntry): string {
  const part = partName(tag, entry);
  return part === null ? tag : `${entry.metadata.part_of}, ${part}`;
}
