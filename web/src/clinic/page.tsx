import { Page } from "../components/page";
import { t } from "../lib/i18n";

export default function ClinicPage() {
  return <Page title={t("nav.clinic")}>{null}</Page>;
}
