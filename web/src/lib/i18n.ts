import { en, type MessageKey } from "../messages/en";

/** English is here; the others are planned and load on demand once their catalogue exists. */
export const LOCALES = ["en", "fr", "es", "pt", "sw", "hi", "ar"] as const;
export type Locale = (typeof LOCALES)[number];
export type { MessageKey };

/** A text, or its plural forms by CLDR category. `{name}` is replaced by a value. */
export type Message = string | ({ other: string } & Partial<Record<Intl.LDMLPluralRule, string>>);
export type Catalogue = Partial<Record<MessageKey, Message>>;
export type Values = Record<string, string | number>;

const RIGHT_TO_LEFT: ReadonlySet<Locale> = new Set(["ar"]);
const STORED_AT = "edge.locale";
const catalogues = import.meta.glob<{ default: Catalogue }>("../messages/{fr,es,pt,sw,hi,ar}.ts");

let locale: Locale = "en";
let catalogue: Catalogue = en;
let plural = new Intl.PluralRules("en");
let digits = new Intl.NumberFormat("en");

/** The text of a key in the person's language, in English where it has no translation yet. */
export function t(key: MessageKey, values?: Values): string {
  const message: Message = catalogue[key] ?? en[key];
  return fill(pick(message, values), values);
}

/** The language now in use. */
export function currentLocale(): Locale {
  return locale;
}

export function direction(of: Locale = locale): "ltr" | "rtl" {
  return RIGHT_TO_LEFT.has(of) ? "rtl" : "ltr";
}

/** The best language that we have for what the person wants, first wish first. */
export function chooseLocale(wishes: readonly string[]): Locale {
  for (const wish of wishes) {
    const language = wish.toLowerCase().split("-")[0];
    const found = LOCALES.find((known) => known === language);
    if (found && (found === "en" || hasCatalogue(found))) return found;
  }
  return "en";
}

/** Use a language from now on; an absent catalogue leaves English. */
export async function useLocale(wish: Locale): Promise<void> {
  const load = catalogues[`../messages/${wish}.ts`];
  locale = wish === "en" || load ? wish : "en";
  catalogue = load ? (await load()).default : en;
  plural = new Intl.PluralRules(locale);
  digits = new Intl.NumberFormat(locale);
}

/** What the person chose before, then what the browser asks for. */
export function wishedLocales(): string[] {
  const stored = globalThis.localStorage?.getItem(STORED_AT);
  return [...(stored ? [stored] : []), ...(globalThis.navigator?.languages ?? [])];
}

function hasCatalogue(of: Locale): boolean {
  return `../messages/${of}.ts` in catalogues;
}

function pick(message: Message, values: Values | undefined): string {
  if (typeof message === "string") return message;
  const count = values?.count;
  return (typeof count === "number" ? message[plural.select(count)] : undefined) ?? message.other;
}

function fill(text: string, values: Values | undefined): string {
  if (!values) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? digits.format(value) : value;
  });
}
