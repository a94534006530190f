import { Page } from "../components/page";
import { t } from "../lib/i18n";

export default function SignInPage() {
  return <Page title={t("sign_in.title")}>{null}</Page>;
}
