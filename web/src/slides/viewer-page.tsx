import { Page } from "../components/page";
import { t } from "../lib/i18n";

export default function ViewerPage() {
  return <Page title={t("nav.slides")}>{null}</Page>;
}
