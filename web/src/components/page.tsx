import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useTitle } from "../lib/hooks";

/** A page's frame: its heading takes the focus, so that a screen reader begins there. */
export function Page(props: { title: string; lead?: string; actions?: ComponentChildren; isWide?: boolean; children: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useTitle(props.title);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <main id="content" class={props.isWide ? "page page-wide" : "page"}>
      <header class="page-head">
        <div class="grow">
          <h1 ref={heading} tabIndex={-1}>{props.title}</h1>
          {props.lead ? <p class="page-lead">{props.lead}</p> : null}
        </div>
        {props.actions ? <div class="row">{props.actions}</div> : null}
      </header>
      {props.children}
    </main>
  );
}

/** A group of things on a page. */
export function Card(props: { title?: string; actions?: ComponentChildren; children: ComponentChildren; isFlush?: boolean }) {
  return (
    <section class={props.isFlush ? "card card-flush" : "card"}>
      {props.title || props.actions ? (
        <header class="card-head">
          <h2 class="card-title">{props.title}</h2>
          {props.actions}
        </header>
      ) : null}
      {props.children}
    </section>
  );
}
