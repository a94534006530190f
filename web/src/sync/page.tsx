import { Page } from "../components/page";
import { t } from "../lib/i18n";

export default function SyncPage() {
  return <Page title={t("nav.sync")}>{null}</Page>;
}
