import { Page } from "../components/page";
import { t } from "../lib/i18n";

export default function StudyPage() {
  return <Page title={t("nav.studies")}>{null}</Page>;
}
