import { formatAge, parseDicomDate } from "../lib/format";
import { t } from "../lib/i18n";
import type { Patient } from "../lib/shapes";

/** What a person types of a patient, and what becomes of it. Pure. */
export interface PatientDraft {
  family: string;
  given: string;
  id: string;
  /** YYYY-MM-DD, as a date field gives it. */
  birth: string;
  sex: "" | "F" | "M" | "O";
  sizeCm: string;
  weightKg: string;
  responsible: string;
  responsibleRole: string;
}

export const EMPTY_DRAFT: PatientDraft = { family: "", given: "", id: "", birth: "", sex: "", sizeCm: "", weightKg: "", responsible: "", responsibleRole: "" };
export type DraftErrors = Partial<Record<keyof PatientDraft, string>>;

const SIZE_CM = { min: 20, max: 260 };
const WEIGHT_KG = { min: 0.3, max: 400 };
const CHILD_BEFORE_YEARS = 18;

/** What is wrong with it, field by field. Only what is really needed is asked for. */
export function checkDraft(draft: PatientDraft, nowMs: number): DraftErrors {
  const errors: DraftErrors = {};
  if (draft.family.trim() === "" && draft.given.trim() === "" && draft.id.trim() === "") errors.family = t("clinic.patient.name_missing");
  const birth = parseDicomDate(draft.birth);
  if (draft.birth !== "" && (!birth || birth.getTime() > nowMs)) errors.birth = t("clinic.patient.birth.future");
  if (!isWithin(draft.sizeCm, SIZE_CM)) errors.sizeCm = t("clinic.patient.number_wrong", SIZE_CM);
  if (!isWithin(draft.weightKg, WEIGHT_KG)) errors.weightKg = t("clinic.patient.number_wrong", WEIGHT_KG);
  return errors;
}

/** The patient as the node wants it. The letters that part a DICOM name cannot be within one.  Standard: PS3.5 6.2.1 */
export function toPatient(draft: PatientDraft): Partial<Patient> {
  const size = readNumber(draft.sizeCm);
  return {
    patient_id: draft.id.trim(),
    name: personName(draft.family, draft.given),
    birth_date: draft.birth.replaceAll("-", ""),
    sex: draft.sex,
    size_m: size === null ? null : size / 100,
    weight_kg: readNumber(draft.weightKg),
    responsible_person: responsibleName(draft.responsible),
    responsible_person_role: draft.responsible.trim() === "" ? "" : draft.responsibleRole,
  };
}

/** True for those whose size, weight and responsible person matter: also newborns a few hours old. */
export function isChild(draft: PatientDraft, nowMs: number): boolean {
  const birth = parseDicomDate(draft.birth);
  return birth !== null && formatAge(draft.birth, nowMs / 1000) !== "" && nowMs - birth.getTime() < CHILD_BEFORE_YEARS * 365.25 * 86_400_000;
}

function personName(family: string, given: string): string {
  const words = [clean(family), clean(given)];
  return words[1] === "" ? words[0]! : words.join("^");
}

/** "Mary Ann Lee" → LEE is the last word: what people type as one line. */
function responsibleName(text: string): string {
  const words = clean(text).split(/\s+/).filter(Boolean);
  return words.length < 2 ? words.join("") : `${words.at(-1)}^${words.slice(0, -1).join(" ")}`;
}

function clean(text: string): string {
  return text.replace(/[\^=\\]/g, " ").replace(/\s+/g, " ").trim();
}

function readNumber(text: string): number | null {
  const value = Number(text.replace(",", "."));
  return text.trim() === "" || !Number.isFinite(value) ? null : value;
}

function isWithin(text: string, range: { min: number; max: number }): boolean {
  const value = readNumber(text);
  return text.trim() === "" || (value !== null && value >= range.min && value <= range.max);
}
