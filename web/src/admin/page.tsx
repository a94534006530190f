import { useRef } from "preact/hooks";
import { EmptyState } from "../components/empty-state";
import { Page } from "../components/page";
import { t } from "../lib/i18n";
import { useMe } from "../lib/me";
import { usePlace } from "../lib/router";
import type { Action } from "../lib/shapes";
import { Audit } from "./audit";
import { Destinations } from "./destinations";
import { Health } from "./health";
import { People } from "./people";
import { Sources } from "./sources";
import "./admin.css";

const TABS = [
  { name: "health", needs: "see_health", Body: Health },
  { name: "sources", needs: "run_session", Body: Sources },
  { name: "destinations", needs: "see_outbox", Body: Destinations },
  { name: "people", needs: "run_users", Body: People },
  { name: "audit", needs: "see_audit", Body: Audit },
] as const satisfies readonly { name: string; needs: Action; Body: () => unknown }[];

/** Health, sources, destinations, people and audit: the tabs that this person's role includes. */
export default function AdminPage() {
  const me = useMe();
  const { hash } = usePlace();
  const allowed = me.kind === "in" ? TABS.filter((tab) => me.me.permissions.includes(tab.needs)) : [];
  const tab = allowed.find((each) => `#${each.name}` === hash) ?? allowed[0];
  if (!tab) {
    return <Page title={t("admin.title")}><EmptyState icon="settings" title={t("app.not_allowed")} hint={t("app.not_allowed.hint")} /></Page>;
  }
  return (
    <Page title={t("admin.title")}>
      <Tabs names={allowed.map((each) => each.name)} chosen={tab.name} />
      <div role="tabpanel" id="admin-panel" aria-labelledby={`tab-${tab.name}`} class="stack" key={tab.name}>
        <tab.Body />
      </div>
    </Page>
  );
}

type TabName = (typeof TABS)[number]["name"];

function Tabs({ names, chosen }: { names: TabName[]; chosen: TabName }) {
  const list = useRef<HTMLDivElement>(null);
  const open = (name: TabName): void => {
    history.replaceState(history.state, "", `#${name}`);
    dispatchEvent(new PopStateEvent("popstate"));
  };
  const move = (event: KeyboardEvent): void => {
    const isBack = event.key === "ArrowLeft";
    if (!isBack && event.key !== "ArrowRight") return;
    event.preventDefault();
    const next = names[(names.indexOf(chosen) + (isBack ? -1 : 1) + names.length) % names.length]!;
    open(next);
    requestAnimationFrame(() => list.current?.querySelector<HTMLElement>(`#tab-${next}`)?.focus());
  };
  return (
    <div class="tabs" role="tablist" aria-label={t("admin.tabs")} ref={list} onKeyDown={move}>
      {names.map((name) => (
        <button
          key={name} id={`tab-${name}`} type="button" role="tab" class="tab" aria-selected={name === chosen} aria-controls="admin-panel"
          tabIndex={name === chosen ? 0 : -1} onClick={() => open(name)}
        >
          {t(`admin.tab.${name}`)}
        </button>
      ))}
    </div>
  );
}
