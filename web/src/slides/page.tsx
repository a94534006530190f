import { Page } from "../components/page";
import { t } from "../lib/i18n";

export default function SlidesPage() {
  return <Page title={t("nav.slides")}>{null}</Page>;
}
