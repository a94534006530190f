/** Which slides the list shows. Pure. */

import type { SlideRow } from "../lib/shapes";

export interface SlideFilters {
  words: string;
  /** Local days, YYYY-MM-DD, both included; empty means open. */
  dateFrom: string;
  dateTo: string;
  stain: string;
  scanner: string;
  state: string;
}

export const NO_FILTERS: SlideFilters = { words: "", dateFrom: "", dateTo: "", stain: "", scanner: "", state: "" };

/** Keep the slides in which every word is found, whatever the case or the accents, and every filter holds. */
export function filterSlides(rows: readonly SlideRow[], filters: SlideFilters): SlideRow[] {
  const words = plain(filters.words).split(/\s+/).filter(Boolean);
  return rows.filter((row) => matches(row, filters, words));
}

function matches(row: SlideRow, filters: SlideFilters, words: string[]): boolean {
  if (filters.stain && row.stain !== filters.stain) return false;
  if (filters.scanner && row.scanner !== filters.scanner) return false;
  if (filters.state && row.delivery.state !== filters.state) return false;
  const day = localDay(row.scanned_s ?? row.kept_s);
  if (filters.dateFrom && day < filters.dateFrom) return false;
  if (filters.dateTo && day > filters.dateTo) return false;
  const text = plain([row.name, row.patient_name, row.patient_id, row.stain, row.scanner].join(" "));
  return words.every((word) => text.includes(word));
}

/** Lower case, without accents; the carets of a DICOM name are spaces. */
export function plain(text: string): string {
  return text
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .replace(/[\^=]/g, " ")
    .toLowerCase();
}

/** The different values of a column, in order, empty ones left out. */
export function valuesOf(rows: readonly SlideRow[], column: "stain" | "scanner"): string[] {
  return [...new Set(rows.map((row) => row[column]).filter((value): value is string => Boolean(value)))].sort();
}

/** The day of a moment where the reader is, YYYY-MM-DD. */
export function localDay(seconds: number): string {
  const at = new Date(seconds * 1000);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}
