import { render } from "preact";
import { App } from "./app";
import { chooseLocale, direction, useLocale, wishedLocales } from "./lib/i18n";
import { catchLinks } from "./lib/router";
import { followSystemTheme } from "./lib/theme";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/components.css";
import "./styles/shell.css";

async function start(): Promise<void> {
  const locale = chooseLocale(wishedLocales());
  await useLocale(locale);
  document.documentElement.lang = locale;
  document.documentElement.dir = direction(locale);
  followSystemTheme();
  catchLinks();
  render(<App />, document.getElementById("app")!);
}

void start();
