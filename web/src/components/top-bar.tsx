import { useState } from "preact/hooks";
import { t } from "../lib/i18n";
import { signOut, useMe } from "../lib/me";
import { navigate, usePlace } from "../lib/router";
import type { Action } from "../lib/shapes";
import { setThemeWish, themeWish, THEME_WISHES, type ThemeWish } from "../lib/theme";
import { Button } from "./button";
import { hidePatientData } from "./cover";
import { Segments } from "./field";
import { Icon, type IconName } from "./icon";
import { showKeys } from "./keys-help";
import { Menu } from "./menu";
import { sayError } from "./toast";

interface NavPage {
  href: string;
  key: "nav.clinic" | "nav.slides" | "nav.studies" | "nav.sync" | "nav.admin";
  icon: IconName;
  needs: Action[];
}

const PAGES: NavPage[] = [
  { href: "/", key: "nav.clinic", icon: "clinic", needs: ["run_session"] },
  { href: "/studies", key: "nav.studies", icon: "studies", needs: ["read_images"] },
  { href: "/slides", key: "nav.slides", icon: "slides", needs: ["see_slides"] },
  { href: "/sync", key: "nav.sync", icon: "sync", needs: ["see_outbox"] },
  { href: "/admin", key: "nav.admin", icon: "settings", needs: ["run_users", "see_audit", "see_health"] },
];

/** The pages this person may open, in the order of the bar. */
export function pagesFor(permissions: readonly Action[]): NavPage[] {
  return PAGES.filter((page) => page.needs.some((action) => permissions.includes(action)));
}

/** The bar on top of every signed-in page. */
export function TopBar() {
  const me = useMe();
  const { path } = usePlace();
  if (me.kind !== "in") return null;
  return (
    <header class="top-bar">
      <a class="top-home" href={me.me.study_instance_uid ? `/studies/${me.me.study_instance_uid}` : "/"} title={t("app.home")}>
        <span class="top-mark"><Icon name="probe" size={18} /></span>
        <span class="top-node cut">{me.me.node_name}</span>
        <span class="only-heard">{t("app.home")}</span>
      </a>
      <nav class="top-nav" aria-label={t("nav.label")}>
        {(me.me.study_instance_uid ? [] : pagesFor(me.me.permissions)).map((page) => (
          <a key={page.href} class="top-link" href={page.href} aria-current={isAt(page.href, path) ? "page" : undefined}>
            <Icon name={page.icon} size={18} />
            <span>{t(page.key)}</span>
          </a>
        ))}
      </nav>
      <UserMenu name={me.me.name} role={t(`role.${me.me.role}`)} />
    </header>
  );
}

function UserMenu({ name, role }: { name: string; role: string }) {
  const leave = () => void signOut().then(() => navigate("/sign-in"), sayError);
  return (
    <Menu label={t("menu.user")} icon="person" isIconOnly>
      {(close) => (
        <>
          <div class="menu-who">
            <p class="menu-name cut">{name}</p>
            <p class="quiet small">{role}</p>
          </div>
          <ThemeChoice />
          <div class="menu-list">
            <Button kind="quiet" icon="keyboard" onClick={() => { close(); showKeys(); }}>{t("menu.keys")}</Button>
            <Button kind="quiet" icon="eye_off" onClick={() => { close(); hidePatientData(); }}>{t("menu.hide")}</Button>
            <Button kind="quiet" icon="leave" onClick={leave}>{t("menu.sign_out")}</Button>
          </div>
        </>
      )}
    </Menu>
  );
}

/** System, light or dark. */
export function ThemeChoice() {
  const [wish, setWish] = useState<ThemeWish>(themeWish);
  const choices = THEME_WISHES.map((value) => ({ value, label: t(`menu.theme.${value}`) }));
  const choose = (value: ThemeWish) => {
    setThemeWish(value);
    setWish(value);
  };
  return <Segments label={t("menu.theme")} value={wish} choices={choices} onValue={choose} />;
}

function isAt(href: string, path: string): boolean {
  return href === "/" ? path === "/" : path === href || path.startsWith(`${href}/`);
}
