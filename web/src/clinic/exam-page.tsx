import { EmptyState, ErrorCard, Skeleton } from "../components/empty-state";
import { LinkButton } from "../components/button";
import { TopBar } from "../components/top-bar";
import { api } from "../lib/api";
import { useNodeEvent, useRemote, useTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { mergeView } from "../lib/room";
import { Exam } from "./exam";
import { Summary } from "./summary";

/** One exam by its address: under way, or ended with its summary. */
export function ExamPage({ sessionId }: { sessionId: string }) {
  useTitle(t("exam.title"));
  const session = useRemote((signal) => api.session(sessionId, signal), [sessionId]);
  useNodeEvent("session", (view) => {
    if (view.session_id === sessionId) session.set((old) => mergeView(old, view));
  });
  if (session.error?.status === 404) {
    return (
      <main id="content" class="page">
        <EmptyState icon="search" title={t("exam.gone")} hint={t("exam.gone.hint")}>
          <LinkButton kind="primary" href="/">{t("exam.summary.done")}</LinkButton>
        </EmptyState>
      </main>
    );
  }
  if (!session.data) {
    return <main id="content" class="page">{session.error ? <ErrorCard error={session.error} onRetry={session.reload} /> : <Skeleton />}</main>;
  }
  if (session.data.state === "closed") return <><TopBar /><Summary view={session.data} onReload={session.reload} /></>;
  return <Exam view={session.data} onView={(view) => session.set((old) => mergeView(old, view))} />;
}
