import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { LinkButton, Button } from "./components/button";
import { Cover } from "./components/cover";
import { EmptyState, ErrorCard, Skeleton } from "./components/empty-state";
import { KeysHelp } from "./components/keys-help";
import { OfflineBanner } from "./components/offline-banner";
import { pagesFor, TopBar } from "./components/top-bar";
import { Toasts } from "./components/toast";
import { t } from "./lib/i18n";
import { loadMe, useMe } from "./lib/me";
import { matchPath, navigate, usePlace } from "./lib/router";

/** What every page component gets: the named parts of its address. */
export interface PageProps {
  params: Record<string, string>;
}

interface Route {
  pattern: string;
  load: () => Promise<{ default: ComponentType<PageProps> }>;
  /** Opens without a sign-in: the page finds out by itself who is there. */
  isOpen?: boolean;
}

const ROUTES: Route[] = [
  { pattern: "/", load: () => import("./clinic/page") },
  { pattern: "/live/:id", load: () => import("./live/page"), isOpen: true },
  { pattern: "/slides", load: () => import("./slides/page") },
  { pattern: "/slides/:id", load: () => import("./slides/viewer-page") },
  { pattern: "/studies", load: () => import("./studies/page") },
  { pattern: "/studies/:uid", load: () => import("./studies/study-page") },
  { pattern: "/sync", load: () => import("./sync/page") },
  { pattern: "/admin", load: () => import("./admin/page") },
  { pattern: "/shared", load: () => import("./shared/page"), isOpen: true },
  { pattern: "/sign-in", load: () => import("./sign-in/page"), isOpen: true },
];

/** Find the page of an address. */
export function findRoute(path: string): { route: Route; params: Record<string, string> } | null {
  for (const route of ROUTES) {
    const params = matchPath(route.pattern, path);
    if (params) return { route, params };
  }
  return null;
}

export function App() {
  const { path, search } = usePlace();
  const me = useMe();
  // An exam in hand has the whole screen and its own way back.
  const isExam = path === "/" && search.has("session");
  const found = findRoute(path);
  const needsMe = found !== null && !found.route.isOpen;
  useEffect(() => {
    if (needsMe && me.kind === "unknown") void loadMe();
  }, [needsMe, me.kind]);
  useEffect(() => {
    if (needsMe && me.kind === "out") navigate(`/sign-in?next=${encodeURIComponent(path + location.search)}`, { replace: true });
    if (path === "/" && me.kind === "in" && !me.me.permissions.includes("run_session")) {
      const only = me.me.study_instance_uid;
      const first = only ? { href: `/studies/${only}` } : pagesFor(me.me.permissions)[0];
      if (first) navigate(first.href, { replace: true });
    }
  }, [needsMe, me, path]);
  return (
    <>
      <a class="skip" href="#content">{t("app.skip")}</a>
      {needsMe && !isExam ? <TopBar /> : null}
      <OfflineBanner />
      <Body found={found} isReady={!needsMe || me.kind === "in"} />
      {needsMe && me.kind === "error" ? (
        <main id="content" class="page"><ErrorCard error={me.error} onRetry={() => void loadMe()} /></main>
      ) : null}
      <Toasts />
      <KeysHelp />
      {needsMe ? <Cover /> : null}
    </>
  );
}

function Body({ found, isReady }: { found: ReturnType<typeof findRoute>; isReady: boolean }) {
  const [loaded, setLoaded] = useState<{ route: Route; page: ComponentType<PageProps> } | null>(null);
  const [hasFailed, setFailed] = useState(false);
  const route = found?.route ?? null;
  useEffect(() => {
    if (!route || !isReady) return;
    let isStale = false;
    setFailed(false);
    route.load().then(
      (module) => !isStale && setLoaded({ route, page: module.default }),
      () => !isStale && setFailed(true),
    );
    return () => void (isStale = true);
  }, [route, isReady]);
  if (!found) return <NotFound />;
  if (hasFailed) return <LoadFailed />;
  if (!isReady) return null;
  if (loaded?.route !== route) return <main id="content" class="page"><Skeleton /></main>;
  const ThePage = loaded.page;
  return <ThePage key={location.pathname} params={found.params} />;
}

function NotFound() {
  return (
    <main id="content" class="page">
      <EmptyState icon="search" title={t("app.not_found")} hint={t("app.not_found.hint")}>
        <LinkButton href="/" kind="primary">{t("app.home")}</LinkButton>
      </EmptyState>
    </main>
  );
}

function LoadFailed() {
  return (
    <main id="content" class="page">
      <EmptyState icon="warning" title={t("app.chunk_failed")} hint={t("app.chunk_failed.hint")}>
        <Button kind="primary" icon="refresh" onClick={() => location.reload()}>{t("app.reload")}</Button>
      </EmptyState>
    </main>
  );
}
