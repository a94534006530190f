import { useMemo, useState } from "preact/hooks";
import type { PageProps } from "../app";
import { Button, LinkButton } from "../components/button";
import { EmptyState, ErrorCard, Skeleton } from "../components/empty-state";
import { Api, type ApiError } from "../lib/api";
import { useRemote, useTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { useMicrophone } from "../lib/use-microphone";
import "../styles/call.css";
import "./live.css";
import { CameraPage } from "./camera-page";
import { LiveRoom } from "./room";
import { PreJoin } from "./pre-join";
import { takeToken } from "./ticket";

/** The specialist's page: check, join, guide, leave. */
export default function LivePage({ params }: PageProps) {
  const sessionId = params.id ?? "";
  useTitle(t("live.title"));
  const token = useMemo(() => takeToken(sessionId), [sessionId]);
  const api = useMemo(() => new Api(token), [token]);
  const entry = useRemote(async (signal) => {
    const me = await api.me(signal);
    return { me, session: me.session_role === "camera" ? null : await api.session(sessionId, signal) };
  }, [api, sessionId]);
  const sound = useMicrophone();
  const [stage, setStage] = useState<"door" | "in" | "left" | "over">("door");
  const [name, setName] = useState("");
  const [reason, setReason] = useState<ApiError | null>(null);
  if (stage === "left") return <Over title={t("live.ended.left")} onAgain={() => setStage("door")} />;
  if (stage === "over") return <Over title={reason?.message ?? t("live.ended.title")} hint={reason?.nextStep || t("live.ended.hint")} />;
  if (entry.error) return <NoEntry error={entry.error} onRetry={entry.reload} />;
  if (!entry.data) return <main id="content" class="live-door room-dark"><div class="live-card"><p role="status">{t("live.join.checking")}</p><Skeleton rows={2} /></div></main>;
  if (entry.data.session === null) return <CameraPage api={api} sessionId={sessionId} />;
  if (entry.data.session.state === "closed") return <Over title={t("live.join.session_closed")} hint={t("live.ended.hint")} />;
  const { me } = entry.data;
  const session = entry.data.session;
  if (stage === "in") {
    return (
      <LiveRoom
        api={api} me={me} first={session} name={name} sound={sound}
        onLeave={() => setStage("left")}
        onOver={(error) => { setReason(error); setStage("over"); }}
      />
    );
  }
  return <PreJoin me={me} session={session} sound={sound} onJoin={(given) => { setName(given); setStage("in"); }} />;
}

function Over({ title, hint, onAgain }: { title: string; hint?: string; onAgain?: () => void }) {
  return (
    <main id="content" class="live-door room-dark">
      <EmptyState icon="leave" title={title} hint={hint}>
        {onAgain ? <Button kind="primary" onClick={onAgain}>{t("live.ended.again")}</Button> : null}
      </EmptyState>
    </main>
  );
}

function NoEntry({ error, onRetry }: { error: ApiError; onRetry: () => void }) {
  const isLink = [401, 403, 404].includes(error.status);
  return (
    <main id="content" class="live-door room-dark">
      {isLink ? (
        <EmptyState icon="link" title={t("live.ended.link")} hint={t("live.ended.link.hint")}>
          <LinkButton href="/sign-in">{t("menu.sign_in")}</LinkButton>
        </EmptyState>
      ) : <div class="live-card"><ErrorCard error={error} onRetry={onRetry} /></div>}
    </main>
  );
}
