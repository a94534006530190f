/** What the studies page asks the node for, and how it stands in the address bar. Pure. */

export interface StudyQuery {
  words: string;
  /** YYYY-MM-DD, both days included; empty means open. */
  dateFrom: string;
  dateTo: string;
  modalities: string[];
  patientId: string;
  description: string;
  accession: string;
  delivery: string;
  label: string;
  sort: SortKey;
  isDescending: boolean;
}

export type SortKey = "date" | "patient" | "description" | "kept";

/** Fewer letters than this match too much to be worth a question. */
export const LETTERS_MIN = 3;
export const PAGE_COUNT = 50;
/** The chips: what a person calls it, and the codes it stands for.  Standard: PS3.3 C.7.3.1.1.1 */
export const MODALITIES = [
  { name: "us", codes: ["US"] },
  { name: "sm", codes: ["SM"] },
  { name: "xray", codes: ["CR", "DX"] },
  { name: "ct", codes: ["CT"] },
  { name: "mr", codes: ["MR"] },
  { name: "other", codes: ["OT"] },
] as const;

export const NO_QUERY: StudyQuery = {
  words: "",
  dateFrom: "",
  dateTo: "",
  modalities: [],
  patientId: "",
  description: "",
  accession: "",
  delivery: "",
  label: "",
  sort: "date",
  isDescending: true,
};

/** The words worth sending: three letters are enough, fewer are not. */
export function askedWords(text: string): string {
  const trimmed = text.trim();
  return [...trimmed].length >= LETTERS_MIN ? trimmed : "";
}

/** The question for one page of the list. */
export function askStudies(query: StudyQuery, offset: number, limit: number = PAGE_COUNT): URLSearchParams {
  const asked = new URLSearchParams({ limit: String(limit), offset: String(offset) });
  const words = askedWords(query.words);
  if (words) asked.set("q", words);
  if (query.dateFrom) asked.set("date_from", query.dateFrom);
  if (query.dateTo) asked.set("date_to", query.dateTo);
  if (query.modalities.length > 0) asked.set("modality", query.modalities.join(","));
  if (query.patientId.trim()) asked.set("patient_id", query.patientId.trim());
  if (query.description.trim()) asked.set("description", query.description.trim());
  if (query.accession.trim()) asked.set("accession_number", query.accession.trim());
  if (query.delivery) asked.set("delivery", query.delivery);
  if (query.label) asked.set("label", query.label);
  asked.set("sort", query.isDescending ? `-${query.sort}` : query.sort);
  return asked;
}

/** How many filters are on, the search box apart. */
export function filterCount(query: StudyQuery): number {
  const set = [query.dateFrom || query.dateTo, query.patientId, query.description, query.accession, query.delivery, query.label];
  return set.filter(Boolean).length + (query.modalities.length > 0 ? 1 : 0);
}

/** What the address bar says, so that a search can be shared and survives a reload. */
export function writeQuery(query: StudyQuery): URLSearchParams {
  const params = askStudies(query, 0, 0);
  params.delete("limit");
  params.delete("offset");
  if (params.get("sort") === "-date") params.delete("sort");
  return params;
}

export function readQuery(params: URLSearchParams): StudyQuery {
  const sort = params.get("sort") ?? "-date";
  const key = sort.replace(/^-/, "");
  const text = (name: string): string => params.get(name) ?? "";
  return {
    words: text("q"),
    dateFrom: text("date_from"),
    dateTo: text("date_to"),
    modalities: text("modality").split(",").filter(Boolean),
    patientId: text("patient_id"),
    description: text("description"),
    accession: text("accession_number"),
    delivery: text("delivery"),
    label: text("label"),
    sort: isSortKey(key) ? key : "date",
    isDescending: !isSortKey(key) || sort.startsWith("-"),
  };
}

function isSortKey(text: string): text is SortKey {
  return text === "date" || text === "patient" || text === "description" || text === "kept";
}

/** A DICOM date as YYYY-MM-DD; empty when it is not one.  Standard: PS3.5 6.2 (DA) */
export function dayOf(date: string): string {
  const parts = /^(\d{4})[-.]?(\d{2})[-.]?(\d{2})$/.exec(date.trim());
  return parts ? `${parts[1]}-${parts[2]}-${parts[3]}` : "";
}

/** A DICOM time as HH:MM; empty when it is not one.  Standard: PS3.5 6.2 (TM) */
export function timeOf(time: string): string {
  const parts = /^(\d{2}):?(\d{2})/.exec(time.trim());
  return parts ? `${parts[1]}:${parts[2]}` : "";
}
