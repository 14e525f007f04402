/**
 * The device's own on-screen keyboard, for devices without another: a field that nobody sees takes what it writes, and each change of its
 * text becomes key strokes. Everything that decides is in typing. Main thread.
 */

import { type Stroke, strokeOfKey, strokesBetween } from "./typing";

/** Stands in the field at all times, so that there is something to erase. */
const REST = "\u00a0\u00a0\u00a0\u00a0";

export class ScreenKeyboard {
  private readonly field = document.createElement("input");
  private before = REST;
  private isComposing = false;

  constructor(
    host: HTMLElement,
    private readonly type: (strokes: Stroke[]) => void,
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
    field.addEventListener("compositionstart", () => {
      this.isComposing = true;
    });
    field.addEventListener("compositionend", () => {
      this.isComposing = false;
      this.changed();
    });
    host.append(field);
  }

  /** Brings the keyboard up; only within a click or touch of the person. It goes by the device's own way. */
  open(): void {
    this.rest();
    this.field.focus({ preventScroll: true });
  }

  close(): void {
    this.field.remove();
  }

  private keyDown(event: KeyboardEvent): void {
    event.stopPropagation();
    const stroke = event.isComposing ? null : strokeOfKey(event.key);
    if (!stroke) return;
    event.preventDefault();
    this.type([stroke]);
  }

  private changed(): void {
    const after = this.field.value;
    this.type(strokesBetween(this.before, after));
    this.before = after;
    // A field that changes under a composition would confuse the keyboard.
    if (!this.isComposing) this.rest();
  }

  private rest(): void {
    this.field.value = REST;
    this.field.setSelectionRange(REST.length, REST.length);
    this.before = REST;
  }
}
