import { Page } from "../components/page";
import { t } from "../lib/i18n";

export default function AdminPage() {
  return <Page title={t("nav.admin")}>{null}</Page>;
}
