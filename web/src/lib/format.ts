import { currentLocale, t } from "./i18n";

/** Numbers and dates as people read them, in their language and time zone. What is unknown is a dash, never a guess. */
export const UNKNOWN = "–";

const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

/** 1 500 000 → "1.5 MB". Decimal units, as disks and links are sold. */
export function formatBytes(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined || !Number.isFinite(bytes)) return UNKNOWN;
  let value = Math.max(0, bytes);
  let step = 0;
  while (value >= 999.5 && step < BYTE_UNITS.length - 1) {
    value /= 1000;
    step += 1;
  }
  const digits = step === 0 || value >= 99.95 ? 0 : 1;
  return `${formatNumber(value, digits)} ${BYTE_UNITS[step]}`;
}

/** Bytes per second → "2.1 MB/s". */
export function formatRate(bytesPerSecond: number | null | undefined): string {
  const text = formatBytes(bytesPerSecond);
  return text === UNKNOWN ? UNKNOWN : `${text}/s`;
}

/** Bits per second → "1.2 Mbit/s". */
export function formatBitrate(bitsPerSecond: number | null | undefined): string {
  if (bitsPerSecond === null || bitsPerSecond === undefined || !Number.isFinite(bitsPerSecond)) return UNKNOWN;
  if (bitsPerSecond >= 999_500) return `${formatNumber(bitsPerSecond / 1e6, 1)} Mbit/s`;
  return `${formatNumber(bitsPerSecond / 1e3, 0)} kbit/s`;
}

/** A running clock: 65 → "1:05", 3661 → "1:01:01". */
export function formatClock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const s = String(whole % 60).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${s}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${s}`;
}

/** A length of time in words: "45 s", "12 min", "3 h 20 min", "2 days". */
export function formatDuration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return UNKNOWN;
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return t("time.s", { count: whole });
  if (whole < 3600) return t("time.min", { count: Math.round(whole / 60) });
  if (whole < 86_400) {
    const hours = Math.floor(whole / 3600);
    const minutes = Math.round((whole % 3600) / 60);
    if (minutes === 60) return t("time.h", { count: hours + 1 });
    return minutes === 0 ? t("time.h", { count: hours }) : t("time.h_min", { hours, minutes });
  }
  return t("time.days", { count: Math.round(whole / 86_400) });
}

/** Wall clock seconds → "14:02" here. */
export function formatTime(wallS: number | null | undefined): string {
  if (wallS === null || wallS === undefined) return UNKNOWN;
  return dateFormat({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(wallS * 1000));
}

/** Wall clock seconds → "3 Feb 2026". */
export function formatDate(wallS: number | null | undefined): string {
  if (wallS === null || wallS === undefined) return UNKNOWN;
  return dateFormat({ day: "numeric", month: "short", year: "numeric" }).format(new Date(wallS * 1000));
}

/** Wall clock seconds → "today, 14:02", "yesterday, 09:10", else the date with its time. */
export function formatWhen(wallS: number | null | undefined, nowS: number = Date.now() / 1000): string {
  if (wallS === null || wallS === undefined) return UNKNOWN;
  const days = dayNumber(nowS) - dayNumber(wallS);
  const time = formatTime(wallS);
  if (days === 0) return t("time.today", { time });
  if (days === 1) return t("time.yesterday", { time });
  return t("time.date_time", { date: formatDate(wallS), time });
}

/** A DICOM date (YYYYMMDD) → "3 Feb 2026". It is a calendar day: no time zone may move it. */
export function formatDicomDate(date: string | null | undefined): string {
  const day = parseDicomDate(date);
  if (!day) return UNKNOWN;
  return dateFormat({ day: "numeric", month: "short", year: "numeric", timeZone: "UTC" }).format(day);
}

/** A DICOM time (HHMMSS.ffffff) → "14:02". */
export function formatDicomTime(time: string | null | undefined): string {
  const found = /^(\d{2}):?(\d{2})/.exec(time ?? "");
  return found ? `${found[1]}:${found[2]}` : UNKNOWN;
}

/** FAMILY^GIVEN^MIDDLE^PREFIX^SUFFIX → "Given Family". The first component group only.  Standard: PS3.5 6.2.1 */
export function formatPersonName(name: string | null | undefined): string {
  const [family = "", given = "", middle = "", prefix = "", suffix = ""] = (name ?? "").split("=")[0]!.split("^");
  return [prefix, given, middle, family, suffix].map((word) => word.trim()).filter(Boolean).join(" ");
}

/** Age in words on a day: newborns in days, infants in weeks and months, the others in years. */
export function formatAge(birthDate: string | null | undefined, nowS: number = Date.now() / 1000): string {
  const birth = parseDicomDate(birthDate);
  if (!birth) return "";
  const now = new Date(nowS * 1000);
  const today = Date.UTC(now.getFullYear(), now.getMonth(), now.getDate());
  const days = Math.floor((today - birth.getTime()) / 86_400_000);
  if (days < 0) return "";
  const months = monthsBetween(birth, new Date(today));
  if (days < 28) return t("age.days", { count: days });
  if (months < 3) return t("age.weeks", { count: Math.floor(days / 7) });
  if (months < 24) return t("age.months", { count: months });
  return t("age.years", { count: Math.floor(months / 12) });
}

/** 0.4312 → "43 %". Never 100 % before all is done. */
export function formatPercent(done: number, total: number): string {
  if (total <= 0) return UNKNOWN;
  const share = Math.min(1, Math.max(0, done / total));
  const percent = share >= 1 ? 100 : Math.min(99, Math.floor(share * 100));
  return t("number.percent", { percent });
}

/** A number with so many digits after the point, grouped as the language does. */
export function formatNumber(value: number, digits = 0): string {
  const format = new Intl.NumberFormat(currentLocale(), { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return format.format(value);
}

/** The sex of a patient in a word; empty when unknown.  Standard: PS3.3 C.7.1.1 */
export function formatSex(sex: string | null | undefined): string {
  if (sex === "F") return t("sex.f");
  if (sex === "M") return t("sex.m");
  if (sex === "O") return t("sex.o");
  return "";
}

/** YYYYMMDD as the midnight of that day in UTC, or null when it is no date. */
export function parseDicomDate(date: string | null | undefined): Date | null {
  const found = /^(\d{4})-?(\d{2})-?(\d{2})/.exec(date ?? "");
  if (!found) return null;
  const [year, month, day] = [Number(found[1]), Number(found[2]), Number(found[3])];
  const parsed = new Date(Date.UTC(year, month - 1, day));
  return parsed.getUTCMonth() === month - 1 && parsed.getUTCDate() === day ? parsed : null;
}

function monthsBetween(from: Date, to: Date): number {
  const months = (to.getUTCFullYear() - from.getUTCFullYear()) * 12 + to.getUTCMonth() - from.getUTCMonth();
  return to.getUTCDate() < from.getUTCDate() ? months - 1 : months;
}

function dayNumber(wallS: number): number {
  const date = new Date(wallS * 1000);
  return Math.floor(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / 86_400_000);
}

function dateFormat(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const language = currentLocale() === "en" ? "en-GB" : currentLocale();
  return new Intl.DateTimeFormat(language, options);
}
