/** Parts: directions and stacked cells, whose flow is logged and judged by itself. */

import type { TagEntry, Tags } from "./types";

/** The same tags, each record naming its parts. */
export function withParts(tags: Tags): Tags {
  for (const entries of Object.values(tags)) {
    for (const [tag, { metadata }] of Object.entries(entries)) {
      const whole = metadata.part_of == null ? undefined : entries[metadata.part_of];
      if (whole) whole.parts = [...(whole.parts ?? []), tag];
    }
  }
  return tags;
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
