import { useMemo, useState } from "preact/hooks";
import { Icon } from "../components/icon";
import { Card } from "../components/page";
import { DeliveryChip } from "../components/state-chip";
import { type Column, Table } from "../components/table";
import { formatAge, formatBytes, formatDicomDate, formatDicomTime, formatPersonName, formatSex } from "../lib/format";
import { t } from "../lib/i18n";
import { navigate } from "../lib/router";
import type { StudyRow } from "../lib/shapes";
import type { SortKey, StudyQuery } from "./query";

export interface StudyTableProps {
  rows: StudyRow[];
  query: StudyQuery;
  onSort: (key: SortKey, isDescending: boolean) => void;
}

/** One study a row: whose, what, when, and whether it has arrived. */
export function StudyTable({ rows, query, onSort }: StudyTableProps) {
  const columns = useMemo(COLUMNS, []);
  return (
    <Card isFlush>
      <div class="study-table">
        <Table
          label={t("studies.table")} columns={columns} rows={rows} rowKey={(row) => row.study_instance_uid}
          sort={{ key: query.sort, isDescending: query.isDescending }}
          onSort={(sort) => onSort(sort.key as SortKey, sort.isDescending)}
          onOpen={openStudy}
        />
      </div>
    </Card>
  );
}

function openStudy(row: StudyRow): void {
  navigate(studyHref(row));
}

export function studyHref(row: StudyRow): string {
  return `/studies/${row.study_instance_uid}`;
}

function COLUMNS(): Column<StudyRow>[] {
  return [
    { key: "picture", title: t("studies.column.picture"), cell: (row) => <StudyPicture row={row} />, isMinor: true },
    { key: "patient", title: t("studies.column.patient"), canSort: true, cell: (row) => <PatientCell row={row} /> },
    { key: "description", title: t("studies.column.study"), canSort: true, cell: (row) => <StudyCell row={row} /> },
    { key: "date", title: t("studies.column.date"), canSort: true, cell: (row) => <DateCell row={row} /> },
    { key: "content", title: t("studies.column.content"), isMinor: true, cell: (row) => <ContentCell row={row} /> },
    { key: "delivery", title: t("studies.column.delivery"), cell: (row) => <DeliveryChip delivery={row.delivery} /> },
  ];
}

function PatientCell({ row }: { row: StudyRow }) {
  const facts = [formatAge(row.birth_date), formatSex(row.sex), row.patient_id].filter(Boolean);
  return (
    <div class="study-cell">
      <a class="study-link" href={studyHref(row)}>{formatPersonName(row.patient_name) || t("patient.unknown")}</a>
      <span class="quiet small num">{facts.join(" · ")}</span>
    </div>
  );
}

function StudyCell({ row }: { row: StudyRow }) {
  return (
    <div class="study-cell">
      <span class={row.description ? "" : "quiet"}>{row.description || t("studies.no_description")}</span>
      <span class="study-marks">
        {row.modalities.map((code) => <span key={code} class="modality-mark">{code}</span>)}
        {row.labels.map((label) => <span key={label} class="label-mark"><Icon name="tag" size={14} />{label}</span>)}
        {row.accession_number ? <span class="quiet small num">{t("studies.accession", { number: row.accession_number })}</span> : null}
      </span>
    </div>
  );
}

function DateCell({ row }: { row: StudyRow }) {
  return (
    <div class="study-cell num">
      <span class="study-date">{formatDicomDate(row.study_date)}</span>
      <span class="quiet small">{row.study_time ? formatDicomTime(row.study_time) : ""}</span>
    </div>
  );
}

function ContentCell({ row }: { row: StudyRow }) {
  return (
    <div class="study-cell num">
      <span class="study-date">{t("studies.instances", { count: row.instance_count })}</span>
      <span class="quiet small">{formatBytes(row.size_bytes)}</span>
    </div>
  );
}

function StudyPicture({ row }: { row: StudyRow }) {
  const [hasFailed, setFailed] = useState(false);
  return (
    <span class="study-picture">
      {hasFailed ? <Icon name={row.modalities.includes("SM") ? "slides" : "clip"} /> : (
        <img
          src={`/dicom-web/studies/${row.study_instance_uid}/thumbnail?viewport=144,108`} alt="" width={72} height={54}
          loading="lazy" decoding="async" onError={() => setFailed(true)}
        />
      )}
    </span>
  );
}
