import type { ComponentChildren } from "preact";
import { formatAge, formatDicomDate, formatPersonName, formatSex } from "../lib/format";
import { t } from "../lib/i18n";
import type { Patient } from "../lib/shapes";
import { Icon } from "./icon";

/** Who this is about, always in view: name, age in words, sex, birth date, ID. */
export function PatientBar({ patient, children }: { patient: Partial<Patient> | null | undefined; children?: ComponentChildren }) {
  const name = formatPersonName(patient?.name);
  return (
    <div class="patient-bar" role="group" aria-label={t("patient.label")}>
      <span class="patient-icon"><Icon name="person" /></span>
      <div class="grow">
        <p class="patient-name cut">{name || t("patient.unknown")}</p>
        <p class="patient-facts num">{patientFacts(patient).join(" · ")}</p>
      </div>
      {children}
    </div>
  );
}

/** What is known beside the name, each fact in words. */
export function patientFacts(patient: Partial<Patient> | null | undefined): string[] {
  if (!patient) return [];
  const facts = [
    formatAge(patient.birth_date),
    formatSex(patient.sex),
    patient.birth_date ? t("patient.born", { date: formatDicomDate(patient.birth_date) }) : "",
    patient.patient_id ? t("patient.id", { id: patient.patient_id }) : t("patient.no_id"),
  ];
  return facts.filter(Boolean);
}
