import { useEffect, useMemo, useState } from "preact/hooks";
import type { PageProps } from "../app";
import { AwayPanel } from "../components/away-panel";
import { LinkButton } from "../components/button";
import { EmptyState, ErrorCard, Skeleton } from "../components/empty-state";
import { Icon } from "../components/icon";
import { PatientBar } from "../components/patient-bar";
import { DeliveryChip } from "../components/state-chip";
import { api } from "../lib/api";
import { formatBytes, formatDicomDate, formatDicomTime } from "../lib/format";
import { useKeys, useNodeEvent, useRemote, useTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { useMe } from "../lib/me";
import { usePlace } from "../lib/router";
import type { StudyDetail } from "../lib/shapes";
import { type Shown, entriesOf, entryKey } from "./entries";
import { EntryStrip } from "./entry-strip";
import { Player } from "./player";
import { StudyActs } from "./study-acts";
import "./studies.css";
import "./study.css";

/** One study: its objects as a strip, and the one that is chosen, to be played, looked at or opened. */
export default function StudyPage({ params }: PageProps) {
  const uid = params.uid ?? "";
  const study = useRemote((signal) => api.study(uid, signal), [uid]);
  useNodeEvent("object", (detail) => {
    if (detail.study_instance_uid === uid) study.reload();
  });
  useTitle(t("studies.title"));
  if (study.data) return <Study study={study.data} onChange={study.reload} />;
  return (
    <main id="content" class="page">
      <div><LinkButton kind="quiet" icon="left" href="/studies">{t("study.back")}</LinkButton></div>
      {study.error ? <ErrorCard error={study.error} onRetry={study.reload} /> : <Skeleton rows={4} />}
    </main>
  );
}

function Study({ study, onChange }: { study: StudyDetail; onChange: () => void }) {
  const entries = useMemo(() => entriesOf(study), [study]);
  const { hash } = usePlace();
  const [key, setKey] = useState(() => decodeURIComponent(hash.slice(1)));
  const chosen = entries.find((entry) => entryKey(entry) === key) ?? entries[0];
  const choose = (entry: Shown): void => {
    setKey(entryKey(entry));
    history.replaceState(history.state, "", `${location.pathname}#${entryKey(entry)}`);
  };
  const step = (by: number) => (): void => {
    const next = entries[entries.findIndex((entry) => entry === chosen) + by];
    if (next) choose(next);
  };
  useKeys({ PageUp: step(-1), PageDown: step(1) });
  const patient = { name: study.patient_name, patient_id: study.patient_id, birth_date: study.birth_date, sex: study.sex };
  return (
    <main id="content" class="study-page">
      <Head study={study} patient={patient} onChange={onChange} />
      {study.away ? <AwayPanel away={study.away} onLook={onChange} /> : chosen ? (
        <div class="study-body">
          <EntryStrip entries={entries} chosen={chosen} study={study} onChoose={choose} />
          <Stage key={entryKey(chosen)} study={study} entry={chosen} />
        </div>
      ) : (
        <EmptyState icon="studies" title={t("study.none")} />
      )}
    </main>
  );
}

function Head({ study, patient, onChange }: { study: StudyDetail; patient: Parameters<typeof PatientBar>[0]["patient"]; onChange: () => void }) {
  const me = useMe();
  const isGuest = me.kind === "in" && Boolean(me.me.study_instance_uid);
  const [heading, setHeading] = useState<HTMLElement | null>(null);
  useEffect(() => heading?.focus({ preventScroll: true }), [heading]);
  const when = [formatDicomDate(study.study_date), study.study_time ? formatDicomTime(study.study_time) : ""].filter(Boolean).join(", ");
  const facts = [
    when,
    study.accession_number ? t("studies.accession", { number: study.accession_number }) : "",
    t("studies.instances", { count: study.instance_count }),
    formatBytes(study.size_bytes),
  ];
  return (
    <header class="study-head">
      {isGuest ? <span class="study-back" /> : <a class="study-back" href="/studies" aria-label={t("study.back")} title={t("study.back")}><Icon name="left" /></a>}
      <PatientBar patient={patient} />
      <div class="study-what">
        <h1 ref={setHeading} tabIndex={-1} class="cut">{study.description || t("studies.no_description")}</h1>
        <p class="study-facts quiet small num">
          <span class="cut">{facts.filter(Boolean).join(" · ")}</span>
          {study.labels.map((label) => <span key={label} class="label-mark"><Icon name="tag" size={14} />{label}</span>)}
        </p>
      </div>
      <div class="study-acts">
        <DeliveryChip delivery={study.delivery} />
        <StudyActs study={study} onChange={onChange} />
      </div>
    </header>
  );
}

function Stage({ study, entry }: { study: StudyDetail; entry: Shown }) {
  if (entry.kind === "slide") {
    return <SlideEntry study={study} entry={entry} />;
  }
  if (entry.kind === "other") {
    const address = `/dicom-web/studies/${study.study_instance_uid}/series/${entry.series.series_instance_uid}/instances/${entry.instance.sop_instance_uid}`;
    return (
      <div class="study-stage room-dark">
        <EmptyState icon="folder" title={t("study.not_shown")} hint={t("study.not_shown.hint")}>
          <LinkButton icon="download" href={address} download>{t("study.download_object")}</LinkButton>
        </EmptyState>
      </div>
    );
  }
  return (
    <div class="study-stage room-dark">
      <Player studyUid={study.study_instance_uid} seriesUid={entry.series.series_instance_uid} instance={entry.instance} />
    </div>
  );
}

/** A slide is looked at in its own viewer; here it shows what it is. */
function SlideEntry({ study, entry }: { study: StudyDetail; entry: Extract<Shown, { kind: "slide" }> }) {
  const [hasFailed, setFailed] = useState(false);
  const { series_instance_uid: series, description } = entry.series;
  const href = `/slides/${series}`;
  return (
    <div class="study-stage room-dark">
      <div class="study-slide">
        {hasFailed ? null : (
          <a href={href} tabIndex={-1} aria-hidden="true">
            <img src={`/dicom-web/studies/${study.study_instance_uid}/series/${series}/thumbnail?viewport=1024,1024`} alt="" onError={() => setFailed(true)} />
          </a>
        )}
        <h2>{description || t("study.kind.slide")}</h2>
        <p class="quiet">{t("study.slide_hint", { count: entry.instances.length })}</p>
        <LinkButton kind="primary" icon="eye" href={href}>{t("study.open_slide")}</LinkButton>
      </div>
    </div>
  );
}
