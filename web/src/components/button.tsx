import type { ComponentChildren, JSX } from "preact";
import { Icon, type IconName } from "./icon";

export type ButtonKind = "plain" | "primary" | "quiet" | "danger";

export interface ButtonProps extends Omit<JSX.HTMLAttributes<HTMLButtonElement>, "icon" | "size"> {
  kind?: ButtonKind;
  icon?: IconName;
  size?: "m" | "l";
  isBusy?: boolean;
  disabled?: boolean;
  type?: "button" | "submit";
  /** Shows the icon alone; the children are still what a screen reader says. */
  isIconOnly?: boolean;
  /** For a button that stays down. */
  isPressed?: boolean;
  children: ComponentChildren;
}

/** Every button of ours: at least 44 px, an icon beside its words, busy without changing its width. */
export function Button(props: ButtonProps) {
  const { kind = "plain", icon, size = "m", isBusy = false, isIconOnly, isPressed, children, class: extra, ...rest } = props;
  const classes = ["button", `button-${kind}`, `button-size-${size}`];
  if (isIconOnly) classes.push("button-icon-only");
  if (typeof extra === "string") classes.push(extra);
  return (
    <button
      type="button"
      {...rest}
      class={classes.join(" ")}
      disabled={props.disabled || isBusy}
      aria-busy={isBusy || undefined}
      aria-pressed={isPressed}
      title={props.title ?? (isIconOnly && typeof children === "string" ? children : undefined)}
    >
      {isBusy ? <span class="spinner" aria-hidden="true" /> : icon ? <Icon name={icon} size={size === "l" ? 24 : 20} /> : null}
      <span class={isIconOnly ? "only-heard" : "button-words"}>{children}</span>
    </button>
  );
}

/** A link that looks like a button: it goes somewhere. */
export function LinkButton(props: { href: string; kind?: ButtonKind; icon?: IconName; target?: string; download?: boolean; children: ComponentChildren }) {
  const { href, kind = "plain", icon, children, target, download } = props;
  return (
    <a class={`button button-${kind} button-size-m`} href={href} target={target} download={download} rel={target ? "noopener" : undefined}>
      {icon ? <Icon name={icon} /> : null}
      <span class="button-words">{children}</span>
    </a>
  );
}
