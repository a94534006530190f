/** What of a study stands in the strip: each clip and still by itself, a slide's levels as one. Pure. */

import type { InstanceRow, SeriesRow, StudyDetail } from "../lib/shapes";

export type Shown =
  | { kind: "clip" | "still" | "other"; series: SeriesRow; instance: InstanceRow }
  | { kind: "slide"; series: SeriesRow; instances: InstanceRow[] };

/** Series by number, objects by number and then time; whatever has no number comes last. */
export function entriesOf(study: StudyDetail): Shown[] {
  const series = [...study.series].sort((a, b) => order(a.number, b.number) || a.series_instance_uid.localeCompare(b.series_instance_uid));
  return series.flatMap(entriesOfSeries);
}

function entriesOfSeries(series: SeriesRow): Shown[] {
  const instances = [...series.instances].sort(
    (a, b) => order(a.number, b.number) || order(a.content_s, b.content_s) || a.sop_instance_uid.localeCompare(b.sop_instance_uid),
  );
  const levels = instances.filter((instance) => instance.kind === "slide");
  const others = instances.filter((instance) => instance.kind !== "slide").map((instance): Shown => ({ kind: shownKind(instance), series, instance }));
  return levels.length > 0 ? [{ kind: "slide", series, instances: levels }, ...others] : others;
}

/** An object of another kind that has pixels is shown as what it looks like. */
function shownKind(instance: InstanceRow): "clip" | "still" | "other" {
  if (instance.kind === "clip" || instance.kind === "still") return instance.frame_count > 1 ? "clip" : "still";
  if (instance.rows > 0 && instance.columns > 0) return instance.frame_count > 1 ? "clip" : "still";
  return "other";
}

export function entryKey(entry: Shown): string {
  return entry.kind === "slide" ? entry.series.series_instance_uid : entry.instance.sop_instance_uid;
}

function order(a: number | null | undefined, b: number | null | undefined): number {
  return (a ?? Number.MAX_SAFE_INTEGER) - (b ?? Number.MAX_SAFE_INTEGER);
}
