import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { chooseLocale, direction, t } from "../../src/lib/i18n";
import { en } from "../../src/messages/en";

const SOURCE = join(import.meta.dirname, "../../src");
const PARTS = ["shell", "call", "clinic", "live", "slides", "studies", "sync", "admin"];

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? files(path) : /\.tsx?$/.test(path) ? [path] : [];
  });
}

const code = files(SOURCE).filter((path) => !path.includes("/messages/")).map((path) => readFileSync(path, "utf8"));
const all = code.join("\n");
const keys = Object.keys(en);

describe("the catalogue", () => {
  test("has every key that is used as a literal", () => {
    const used = [...all.matchAll(/\bt\(\s*"([^"]+)"/g)].map((match) => match[1]!);
    expect(used.length).toBeGreaterThan(150);
    expect(used.filter((key) => !(key in en))).toEqual([]);
  });

  test("has at least one key for every template that is used", () => {
    const used = [...all.matchAll(/\bt\(\s*`([^`]+)`/g)].map((match) => match[1]!);
    const missing = used.filter((template) => {
      const pattern = new RegExp(`^${template.split(/\$\{[^}]+\}/).map((part) => part.replace(/[.*+?^$()|[\]\\]/g, "\\$&")).join(".+")}$`);
      return !keys.some((key) => pattern.test(key));
    });
    expect(missing).toEqual([]);
  });

  test("has no key twice in its parts", async () => {
    const names: string[] = [];
    for (const part of PARTS) {
      const module = (await import(`../../src/messages/en/${part}.ts`)) as Record<string, Record<string, unknown>>;
      for (const catalogue of Object.values(module)) names.push(...Object.keys(catalogue));
    }
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    expect(names.length).toBe(keys.length);
  });

  test("has words for every key", () => {
    const empty = Object.entries(en).filter(([, message]) => (typeof message === "string" ? message : (message as { other: string }).other).trim() === "");
    expect(empty).toEqual([]);
  });
});

describe("a text", () => {
  test("takes the plural form of its count", () => {
    expect(t("exam.strip.frames", { count: 1 })).toBe("1 frame");
    expect(t("exam.strip.frames", { count: 1200 })).toBe("1,200 frames");
  });
  test("keeps a place without a value, so that a missing value is seen", () => expect(t("request.from")).toBe("{name} asks"));
});

describe("the language", () => {
  test("falls back to English where there is no catalogue", () => {
    expect(chooseLocale(["xx-YY"])).toBe("en");
    expect(chooseLocale([])).toBe("en");
  });
  test("runs right to left for Arabic alone", () => {
    expect(direction("ar")).toBe("rtl");
    expect(direction("hi")).toBe("ltr");
  });
});
