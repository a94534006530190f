import type { ComponentChildren } from "preact";
import type { ApiError } from "../lib/api";
import { t } from "../lib/i18n";
import { Button } from "./button";
import { Icon, type IconName } from "./icon";

/** What is shown where nothing is: why, and what to do. */
export function EmptyState(props: { icon: IconName; title: string; hint?: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <span class="empty-icon"><Icon name={props.icon} size={28} /></span>
      <h2 class="empty-title">{props.title}</h2>
      {props.hint ? <p class="quiet">{props.hint}</p> : null}
      {props.children ? <div class="empty-actions">{props.children}</div> : null}
    </div>
  );
}

/** What went wrong with loading, what to do, and a way to try again. */
export function ErrorCard({ error, onRetry }: { error: ApiError; onRetry?: () => void }) {
  return (
    <div class="notice tone-bad" role="alert">
      <Icon name="error" />
      <div class="grow">
        <p class="notice-title">{error.message}</p>
        {error.nextStep ? <p>{error.nextStep}</p> : null}
      </div>
      {onRetry ? <Button icon="refresh" onClick={onRetry}>{t("error.retry")}</Button> : null}
    </div>
  );
}

/** A calm sentence with an icon, within a page. */
export function Notice(props: { tone?: "neutral" | "ok" | "warn" | "bad" | "accent"; icon: IconName; children: ComponentChildren; isAlert?: boolean }) {
  return (
    <div class={`notice tone-${props.tone ?? "neutral"}`} role={props.isAlert ? "alert" : undefined}>
      <Icon name={props.icon} />
      <div class="grow">{props.children}</div>
    </div>
  );
}

/** Grey lines while the first answer is on its way. */
export function Skeleton({ rows = 3 }: { rows?: number }) {
  return (
    <div class="skeleton" aria-busy="true">
      <span class="only-heard">{t("app.loading")}</span>
      {Array.from({ length: rows }, (_, index) => <div key={index} class="skeleton-row" />)}
    </div>
  );
}
