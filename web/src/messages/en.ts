/** Every English text of the pages, by key. A page's own texts are in en/PAGE.ts; keys begin with the page's name. */
import { admin } from "./en/admin";
import { call } from "./en/call";
import { clinic } from "./en/clinic";
import { live } from "./en/live";
import { shell } from "./en/shell";
import { slides } from "./en/slides";
import { studies } from "./en/studies";
import { sync } from "./en/sync";

export const en = { ...shell, ...call, ...clinic, ...live, ...slides, ...studies, ...sync, ...admin } as const;

export type MessageKey = keyof typeof en;
