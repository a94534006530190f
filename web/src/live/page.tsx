import { Page } from "../components/page";
import { t } from "../lib/i18n";

export default function LivePage() {
  return <Page title={t("app.name")}>{null}</Page>;
}
