import { Button } from "../components/button";
import { Icon } from "../components/icon";
import { t } from "../lib/i18n";
import type { Guide } from "../lib/shapes";

/** Who asks to guide: the bedside decides by one touch. */
export function GuideCards({ guide, onAnswer }: { guide: Guide | null | undefined; onAnswer: (key: string, isGranted: boolean) => void }) {
  if (!guide || guide.asking.length === 0) return null;
  return (
    <div class="requests requests-top" role="region" aria-label={t("guide.ask")} aria-live="assertive">
      {guide.asking.map((person) => (
        <article key={person.key} class="request">
          <p class="request-from"><Icon name="person" size={16} />{guide.key ? t("guide.other", { name: guide.name }) : t("guide.nobody")}</p>
          <p class="request-words">{t("guide.asks", { name: person.name || t("role.specialist") })}</p>
          <div class="request-acts">
            <Button kind="primary" size="l" icon="check" onClick={() => onAnswer(person.key, true)}>{t("guide.grant")}</Button>
            <Button size="l" icon="cross" onClick={() => onAnswer(person.key, false)}>{t("guide.refuse")}</Button>
          </div>
        </article>
      ))}
    </div>
  );
}
