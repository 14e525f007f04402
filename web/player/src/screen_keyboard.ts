/**
 * Text from what is no keyboard with keys: the on-screen keyboard of a device without another, and input methods. A field takes what they
 * write, and each change of its text is typed. Keys that belong to nobody's text go on to the game. Everything that decides is in typing.
 * Main thread.
 */

import { fieldPlace, isTextKey, strokeOfKey, type Typed, TypedField } from "./typing";

/** Stands in the field at all times, so that there is something to erase. */
const REST = "\u00a0\u00a0\u00a0\u00a0";

/** Whether this device has no keys of its own: as far as browsers tell, who points by finger alone. */
export function isPhone(): boolean {
  return navigator.maxTouchPoints > 0 && !matchMedia("(any-pointer: fine)").matches;
}

export interface TextOutlet {
  type(typed: Typed[]): void;
  onNotice(message: string): void;
  /** Whether text goes to the game from now on. */
  onTyping(isTyping: boolean): void;
}

export class ScreenKeyboard {
  readonly isPhone = isPhone();
  private readonly field = document.createElement("input");
  private readonly ends = new AbortController();
  private readonly typed = new TypedField(REST, this.isPhone);
  private hand: { x: number; y: number } | null = null;
  private isComposing = false;

  constructor(
    private readonly host: HTMLElement,
    private readonly outlet: TextOutlet,
  ) {
    const { field } = this;
    field.className = "dillinger-typing";
    field.type = "text";
    field.autocomplete = "off";
    field.autocapitalize = "off";
    field.spellcheck = false;
    field.tabIndex = -1;
    field.setAttribute("autocorrect", "off");
    field.setAttribute("aria-label", "Text for the game");
    field.value = REST;
    field.addEventListener("keydown", (event) => this.keyDown(event));
    field.addEventListener("input", () => this.changed());
    field.addEventListener("compositionstart", () => this.composing(true));
    field.addEventListener("compositionend", () => this.composing(false));
    field.addEventListener("focus", () => outlet.onTyping(true));
    field.addEventListener("blur", () => this.left());
    const moved = (event: PointerEvent): void => this.pointed(event.clientX, event.clientY);
    for (const kind of ["pointermove", "pointerdown"] as const) {
      host.addEventListener(kind, moved, { signal: this.ends.signal, passive: true });
    }
    host.append(field);
  }

  get isTyping(): boolean {
    return document.activeElement === this.field;
  }

  /** Text goes to the game, or, where it does and there are keys, no longer; only within a click, touch or key of the person. */
  toggle(): void {
    if (this.isTyping && !this.isPhone) return this.host.focus({ preventScroll: true });
    this.rest();
    this.field.focus({ preventScroll: true });
  }

  close(): void {
    this.ends.abort();
    this.field.remove();
  }

  private keyDown(event: KeyboardEvent): void {
    if (!this.isPhone && !isTextKey(event)) return; // the game's, as any key
    event.stopPropagation();
    const stroke = event.isComposing || event.keyCode === 229 ? null : strokeOfKey(event.key);
    if (!stroke) return;
    event.preventDefault();
    this.outlet.type([stroke]);
  }

  private composing(isComposing: boolean): void {
    this.isComposing = isComposing;
    this.field.toggleAttribute("data-composing", isComposing && !this.isPhone);
    if (isComposing) this.place();
    else this.changed();
  }

  private changed(): void {
    const typed = this.typed.changed(this.field.value, this.isComposing);
    if ("fault" in typed) this.outlet.onNotice(typed.fault);
    else if (typed.length > 0) this.outlet.type(typed);
    // A field that changes under a composition would confuse the keyboard.
    if (!this.isComposing) this.rest();
  }

  private rest(): void {
    this.field.value = REST;
    this.field.setSelectionRange(REST.length, REST.length);
    this.typed.rested();
  }

  private left(): void {
    if (this.isComposing) this.composing(false);
    this.outlet.onTyping(false);
  }

  private pointed(x: number, y: number): void {
    const corner = this.host.getBoundingClientRect();
    this.hand = { x: x - corner.left, y: y - corner.top };
  }

  private place(): void {
    const { left, top } = fieldPlace(this.hand, { width: this.host.clientWidth, height: this.host.clientHeight });
    this.field.style.left = `${left}px`;
    this.field.style.top = `${top}px`;
  }
}
