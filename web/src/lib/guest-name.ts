const NAME_AT = "edge.guest.name";

/** The name a guest gave before, on this device. */
export function rememberedName(): string {
  try {
    return localStorage.getItem(NAME_AT) ?? "";
  } catch {
    return "";
  }
}

export function rememberName(name: string): void {
  try {
    localStorage.setItem(NAME_AT, name);
  } catch {
    // A private window keeps nothing: the name is asked again next time.
  }
}
