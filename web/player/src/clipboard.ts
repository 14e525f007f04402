/**
 * Copying and pasting between the browser and the game. Main thread.
 *
 * Into the game goes only what its player pastes there: the browser tells what that is right after the key, so the key waits until the
 * game can have it. Out of it comes what the game copies; where the browser wants a click or key of its person first, it waits for one.
 */

import { type Clip, ClipExchange, type ClipMessage } from "./clip_exchange";

const PNG = "image/png";
/** How long the keys wait for the browser's word, and then for the seat's. */
const EVENT_MS = 100;
const TAKEN_MS = 1500;

export interface ClipboardOutlet {
  send(message: ClipMessage): void;
  /** Keys wait from now on. */
  hold(): void;
  /** Keys go on, those that waited first. */
  release(): void;
  onNotice(message: string): void;
}

export class Clipboard {
  private isShared = false;
  /** Whether the switch alone keeps something from being shared, which the person is told once. */
  private isSwitchedOff = false;
  private readonly exchange = new ClipExchange();
  private readonly ends = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private awaited: number | null = null;
  private toWrite: Clip | null = null;
  private hasTold = false;
  private hasToldOff = false;

  constructor(
    host: HTMLElement,
    private readonly outlet: ClipboardOutlet,
  ) {
    const signal = this.ends.signal;
    host.addEventListener("paste", (event) => void this.pasted(event), { signal });
    for (const gesture of ["keyup", "pointerup"]) {
      host.addEventListener(gesture, () => void this.write(), { signal });
    }
  }

  /** What the person chose, and whether there is something to share; without either nothing goes either way, nor what is under way. */
  setOn(isWished: boolean, isPossible: boolean): void {
    this.isShared = isWished && isPossible;
    this.isSwitchedOff = isPossible && !isWished;
    if (this.isShared) return;
    this.toWrite = null;
    this.restarted();
  }

  /** The paste key went down; whether the browser is to say what is pasted. */
  pasteKey(): boolean {
    if (!this.isShared) {
      this.tellOff("Pasting into the game is off");
      return false;
    }
    this.outlet.hold();
    this.goOnAfter(EVENT_MS);
    return true;
  }

  receive(message: ClipMessage | { type: "clipboard_taken"; serial: number }): void {
    if (message.type === "clipboard_taken") {
      if (message.serial === this.awaited) this.goOn();
    } else if (message.type === "clipboard_want") {
      const part = this.exchange.wanted(message);
      if (part !== null) this.outlet.send(part);
    } else if (this.isShared) {
      this.comes(message);
    } else if (message.type === "clipboard_offer") {
      this.tellOff("What the game copies stays there");
    }
  }

  /** The link is lost: nothing is waited for. */
  restarted(): void {
    this.exchange.forget();
    this.goOn();
  }

  close(): void {
    this.goOn();
    this.ends.abort();
  }

  private async pasted(event: ClipboardEvent): Promise<void> {
    event.preventDefault();
    if (!this.isShared || event.clipboardData === null) return;
    this.goOnAfter(TAKEN_MS);
    const clip = await clipOf(event.clipboardData);
    if (clip === null || !this.isShared || this.exchange.isOffered(clip)) return this.goOn();
    const offer = this.exchange.offer(clip);
    if (offer === null) {
      this.outlet.onNotice("That is too much to paste: at most 1 MB of text, or a picture of 4 MB.");
      return this.goOn();
    }
    this.awaited = offer.serial;
    this.outlet.send(offer);
  }

  private comes(message: ClipMessage): void {
    if (message.type === "clipboard_offer") {
      this.exchange.forget();
      const want = this.exchange.offered(message);
      if (want !== null) this.outlet.send(want);
    } else if (message.type === "clipboard_part") {
      const answer = this.exchange.part(message);
      if (answer === null) return;
      if ("type" in answer) return this.outlet.send(answer);
      this.toWrite = answer;
      void this.write();
    }
  }

  /** Tries again at the next key or click where the browser refuses. */
  private async write(): Promise<void> {
    const clip = this.toWrite;
    if (clip === null || !this.isShared) return;
    try {
      if (clip.kind === "text") await navigator.clipboard.writeText(new TextDecoder().decode(clip.data));
      else await navigator.clipboard.write([new ClipboardItem({ [PNG]: new Blob([clip.data], { type: PNG }) })]);
    } catch {
      return;
    }
    if (this.toWrite === clip) this.toWrite = null;
    if (this.hasTold) return;
    this.hasTold = true;
    this.outlet.onNotice("What you copy in the game can be pasted elsewhere. Settings turn that off.");
  }

  private tellOff(what: string): void {
    if (!this.isSwitchedOff || this.hasToldOff) return;
    this.hasToldOff = true;
    this.outlet.onNotice(`${what}: sharing what is copied is switched off in Settings.`);
  }

  private goOnAfter(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.goOn(), ms);
  }

  private goOn(): void {
    clearTimeout(this.timer);
    this.awaited = null;
    this.outlet.release();
  }
}

async function clipOf(pasted: DataTransfer): Promise<Clip | null> {
  const text = pasted.getData("text/plain");
  if (text) return { kind: "text", data: new TextEncoder().encode(text.replaceAll("\r\n", "\n")) };
  // What was pasted is gone after the event: the file is taken out of it before anything is waited for.
  const image = [...pasted.files].find((file) => file.type === PNG);
  if (image === undefined) return null;
  return { kind: "image", data: new Uint8Array(await image.arrayBuffer()) };
}
