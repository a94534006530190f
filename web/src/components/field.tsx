import type { ComponentChildren, JSX } from "preact";
import { useId } from "preact/hooks";
import { t } from "../lib/i18n";
import { Button } from "./button";
import { Icon } from "./icon";

export interface FieldProps extends Omit<JSX.HTMLAttributes<HTMLInputElement>, "onInput" | "value" | "label"> {
  label: string;
  value: string;
  onValue: (value: string) => void;
  hint?: string;
  error?: string | null;
  unit?: string;
  type?: string;
  name?: string;
  autocomplete?: string;
  required?: boolean;
  placeholder?: string;
  min?: string;
  max?: string;
  step?: string;
  maxLength?: number;
  inputMode?: "text" | "numeric" | "decimal" | "search";
}

/** One line of input with its label, hint and error tied together for everybody. */
export function Field({ label, value, onValue, hint, error, unit, class: extra, ...rest }: FieldProps) {
  const id = useId();
  const about = error ? `${id}-error` : hint ? `${id}-hint` : undefined;
  return (
    <div class={`field${error ? " field-wrong" : ""}${typeof extra === "string" ? ` ${extra}` : ""}`}>
      <label class="field-label" for={id}>{label}</label>
      <div class="field-box">
        <input
          {...(rest as JSX.HTMLAttributes<HTMLInputElement>)}
          id={id}
          class="input"
          value={value}
          aria-invalid={error ? true : undefined}
          aria-describedby={about}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
        {unit ? <span class="field-unit" aria-hidden="true">{unit}</span> : null}
      </div>
      {error ? <p class="field-error" id={`${id}-error`}><Icon name="error" size={16} />{error}</p> : null}
      {!error && hint ? <p class="field-hint" id={`${id}-hint`}>{hint}</p> : null}
    </div>
  );
}

export interface Choice<V extends string> {
  value: V;
  label: string;
}

/** One of a few, as a list that opens. */
export function SelectField<V extends string>(props: {
  label: string; value: V; choices: readonly Choice<V>[]; onValue: (value: V) => void; hint?: string; isLabelHidden?: boolean;
}) {
  const id = useId();
  return (
    <div class="field">
      <label class={props.isLabelHidden ? "only-heard" : "field-label"} for={id}>{props.label}</label>
      <div class="field-box">
        <select id={id} class="input select" value={props.value} onChange={(event) => props.onValue(event.currentTarget.value as V)}>
          {props.choices.map((choice) => <option key={choice.value} value={choice.value}>{choice.label}</option>)}
        </select>
        <span class="select-arrow"><Icon name="down" size={16} /></span>
      </div>
      {props.hint ? <p class="field-hint">{props.hint}</p> : null}
    </div>
  );
}

/** One of a few, all in sight; arrow keys move between them. */
export function Segments<V extends string>(props: {
  label: string; value: V; choices: readonly Choice<V>[]; onValue: (value: V) => void; isLabelHidden?: boolean;
}) {
  const name = useId();
  return (
    <fieldset class="segments-field">
      <legend class={props.isLabelHidden ? "only-heard" : "field-label"}>{props.label}</legend>
      <div class="segments">
        {props.choices.map((choice) => (
          <label key={choice.value} class={`segment${choice.value === props.value ? " segment-on" : ""}`}>
            <input
              type="radio" class="only-heard" name={name} value={choice.value}
              checked={choice.value === props.value} onChange={() => props.onValue(choice.value)}
            />
            <span>{choice.label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

/** The one search box of a page. */
export function SearchField(props: { label: string; value: string; onValue: (value: string) => void; inputRef?: JSX.HTMLAttributes<HTMLInputElement>["ref"]; children?: ComponentChildren }) {
  return (
    <div class="search" role="search">
      <Icon name="search" />
      <input
        ref={props.inputRef}
        class="search-input" type="search" aria-label={props.label} placeholder={props.label}
        value={props.value} autocomplete="off" spellcheck={false}
        onInput={(event) => props.onValue(event.currentTarget.value)}
        onKeyDown={(event) => { if (event.key === "Escape") props.onValue(""); }}
      />
      {props.value ? <Button kind="quiet" icon="cross" isIconOnly onClick={() => props.onValue("")}>{t("search.clear")}</Button> : null}
    </div>
  );
}
