import { useEffect, useState } from "preact/hooks";
import { EmptyState, ErrorCard, Skeleton } from "../components/empty-state";
import { type ApiError, api, asApiError } from "../lib/api";
import { useTitle } from "../lib/hooks";
import { t } from "../lib/i18n";
import { loadMe } from "../lib/me";
import { navigate } from "../lib/router";

/** Where a shared link leads: its token, which stands behind the #, opens one study. */
export default function SharedPage() {
  useTitle(t("shared.title"));
  const [token] = useState(() => new URLSearchParams(location.hash.slice(1)).get("token") ?? "");
  const [error, setError] = useState<ApiError | null>(null);
  useEffect(() => {
    if (!token) return;
    api.openShared(token).then(
      async (shared) => {
        await loadMe();
        navigate(`/studies/${shared.study_instance_uid}`, { replace: true });
      },
      (reason: unknown) => setError(asApiError(reason)),
    );
  }, [token]);
  return (
    <main id="content" class="page">
      <h1 class="only-heard">{t("shared.title")}</h1>
      {!token ? <EmptyState icon="link" title={t("shared.none")} hint={t("shared.none.hint")} /> : null}
      {error ? <ErrorCard error={error} /> : null}
      {token && !error ? <div role="status" aria-label={t("shared.opening")}><Skeleton rows={4} /></div> : null}
    </main>
  );
}
