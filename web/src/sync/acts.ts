import { say, sayError } from "../components/toast";
import { api } from "../lib/api";
import { t } from "../lib/i18n";
import type { OutboxScope, OutboxWish } from "../lib/shapes";

/** Ask the node for something about deliveries and say what came of it. */
export async function act(wish: OutboxWish, scope: OutboxScope, onChange: () => void): Promise<void> {
  try {
    const { count } = await api.outboxDo(wish, scope);
    if (count === 0) say(t("sync.done.none"), "info");
    else say(t(`sync.done.${wish}`, { name: scope.destination ?? "" }));
    onChange();
  } catch (reason) {
    sayError(reason);
  }
}
