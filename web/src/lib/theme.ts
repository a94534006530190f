/** Light, dark, or as the system says. The choice is this browser's alone. */
export type ThemeWish = "system" | "light" | "dark";
export const THEME_WISHES: readonly ThemeWish[] = ["system", "light", "dark"];

const STORED_AT = "edge.theme";

export function themeWish(): ThemeWish {
  const stored = read();
  return stored === "light" || stored === "dark" ? stored : "system";
}

export function setThemeWish(wish: ThemeWish): void {
  try {
    if (wish === "system") localStorage.removeItem(STORED_AT);
    else localStorage.setItem(STORED_AT, wish);
  } catch {
    // A browser that keeps nothing still changes for this page.
  }
  apply(wish);
}

/** Follow the system from now on, as far as the person did not choose. */
export function followSystemTheme(): void {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => apply(themeWish()));
  apply(themeWish());
}

function apply(wish: ThemeWish): void {
  const isDark = wish === "dark" || (wish === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
}

function read(): string | null {
  try {
    return localStorage.getItem(STORED_AT);
  } catch {
    return null;
  }
}
