import { useCallback, useRef, useState } from "preact/hooks";
import { Button } from "../components/button";
import { SearchField } from "../components/field";
import { useKeysHelp } from "../components/keys-help";
import { Page } from "../components/page";
import { sayError } from "../components/toast";
import { api } from "../lib/api";
import { formatDate } from "../lib/format";
import { useKeys, useNodeEvent, useRemote } from "../lib/hooks";
import { t } from "../lib/i18n";
import { useMe } from "../lib/me";
import { navigate, usePlace } from "../lib/router";
import type { SessionView, SessionWish, SourceState } from "../lib/shapes";
import "../styles/call.css";
import "./clinic.css";
import { ExamPage } from "./exam-page";
import { NewPatientDialog } from "./new-patient";
import { OpenExams } from "./open-exams";
import { SourceDialog } from "./source-dialog";
import { WorklistCard } from "./worklist";

/** The operator's page: today's patients, or the exam in hand. The exam is in the address, so that a reload resumes it. */
export default function ClinicPage() {
  const sessionId = usePlace().search.get("session");
  return sessionId ? <ExamPage key={sessionId} sessionId={sessionId} /> : <Today />;
}

type Wish = Omit<SessionWish, "source">;

function Today() {
  const me = useMe();
  const node = me.kind === "in" ? me.me.node_name : "";
  const worklist = useRemote((signal) => api.worklist(signal));
  const sessions = useRemote((signal) => api.sessions(signal));
  const sources = useRemote((signal) => api.sources(signal));
  const [search, setSearch] = useState("");
  const [isAdding, setAdding] = useState(false);
  const [waiting, setWaiting] = useState<Wish | null>(null);
  const searchBox = useRef<HTMLInputElement>(null);
  useNodeEvent("session", (view) => sessions.set((old) => replaceSession(old, view)));
  useNodeEvent("source", (row) => sources.set((old) => replaceSource(old, row)));
  const begin = useCallback(async (wish: Wish, source: string) => {
    try {
      const opened = await api.openSession({ ...wish, source });
      navigate(`/?session=${encodeURIComponent(opened.session_id)}`);
    } catch (reason) {
      sayError(reason);
    }
  }, []);
  /** Start with the only probe, or ask which. */
  const start = async (wish: Wish) => {
    const all = sources.data ?? [];
    if (all.length === 1) await begin(wish, all[0]!.name);
    else setWaiting(wish);
  };
  useTodayKeys(() => searchBox.current?.focus(), () => setAdding(true));
  const open = (sessions.data ?? []).filter((session) => session.state === "open");
  return (
    <Page
      title={t("clinic.title")} lead={t("clinic.lead", { date: formatDate(Date.now() / 1000), node })}
      actions={<Button kind="primary" size="l" icon="plus" onClick={() => setAdding(true)}>{t("clinic.new_patient")}</Button>}
    >
      {open.length > 0 ? <OpenExams sessions={open} /> : null}
      <div class="row">
        <SearchField label={t("clinic.search")} value={search} onValue={setSearch} inputRef={searchBox} />
      </div>
      <WorklistCard worklist={worklist} search={search} onStart={start} />
      {isAdding ? (
        <NewPatientDialog sources={sources.data ?? []} onClose={() => setAdding(false)} onStart={(wish, source) => (source ? begin(wish, source) : start(wish))} />
      ) : null}
      {waiting ? <SourceDialog sources={sources.data ?? []} onClose={() => setWaiting(null)} onChoose={(source) => begin(waiting, source)} /> : null}
    </Page>
  );
}

function useTodayKeys(search: () => void, add: () => void): void {
  useKeys({
    "/": (event) => {
      event.preventDefault();
      search();
    },
    n: (event) => {
      event.preventDefault();
      add();
    },
  });
  useKeysHelp({
    title: t("clinic.keys"),
    keys: [{ caps: ["/"], does: t("clinic.keys.search") }, { caps: ["N"], does: t("clinic.keys.new") }],
  });
}

function replaceSession(old: SessionView[] | null, view: SessionView): SessionView[] {
  const others = (old ?? []).filter((session) => session.session_id !== view.session_id);
  return [view, ...others];
}

function replaceSource(old: SourceState[] | null, row: SourceState): SourceState[] | null {
  return old?.some((source) => source.name === row.name) ? old.map((source) => (source.name === row.name ? row : source)) : [...(old ?? []), row];
}
