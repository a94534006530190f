import type { WorklistEntry } from "../lib/shapes";

/** Every word typed is somewhere in the name or the ID, whatever its case or accents. */
export function matches(entry: WorklistEntry, search: string): boolean {
  const where = plain(`${entry.patient.name} ${entry.patient.patient_id} ${entry.order.accession_number}`.replaceAll("^", " "));
  return plain(search).split(/\s+/).every((word) => where.includes(word));
}

function plain(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().trim();
}
