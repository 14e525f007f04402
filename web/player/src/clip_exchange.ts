/**
 * Clips on their way between browser and game, as the browser sees it (`stream/clipboard/exchange.py` is the other side). Pure.
 *
 * Who has something new offers it, the other side asks for part after part; a newer offer replaces an older one.
 */

export type ClipKind = "text" | "image";

/** Text in UTF-8, or a picture as PNG. */
export interface Clip {
  kind: ClipKind;
  data: Uint8Array<ArrayBuffer>;
}

export interface ClipOffer {
  type: "clipboard_offer";
  serial: number;
  kind: ClipKind;
  size_bytes: number;
}
export interface ClipWant {
  type: "clipboard_want";
  serial: number;
  offset: number;
}
export interface ClipPart {
  type: "clipboard_part";
  serial: number;
  offset: number;
  /** Base64. */
  data: string;
}
export type ClipMessage = ClipOffer | ClipWant | ClipPart;

export const MOST_CLIP_BYTES: Record<ClipKind, number> = { text: 1 << 20, image: 4 << 20 };
const PART_BYTES = 45_000;

export class ClipExchange {
  private own: Clip | null = null;
  private coming: { offer: ClipOffer; data: Uint8Array<ArrayBuffer>; filled: number } | null = null;
  /** Of the newest offer of ours. */
  serial = 0;

  /** What to tell the seat of a new clip; null where it is empty or too large. */
  offer(clip: Clip): ClipOffer | null {
    if (clip.data.length === 0 || clip.data.length > MOST_CLIP_BYTES[clip.kind]) return null;
    this.own = clip;
    this.serial += 1;
    return { type: "clipboard_offer", serial: this.serial, kind: clip.kind, size_bytes: clip.data.length };
  }

  /** Whether `clip` is what was offered last. */
  isOffered(clip: Clip): boolean {
    const { own } = this;
    if (own === null || own.kind !== clip.kind || own.data.length !== clip.data.length) return false;
    return own.data.every((byte, index) => byte === clip.data[index]);
  }

  /** The game copied something: what was offered is pasted no more. */
  forget(): void {
    this.own = null;
  }

  /** The part that was asked for; null for an older clip. */
  wanted(want: ClipWant): ClipPart | null {
    if (this.own === null || want.serial !== this.serial || want.offset >= this.own.data.length) return null;
    const part = this.own.data.subarray(want.offset, want.offset + PART_BYTES);
    let characters = "";
    for (const byte of part) characters += String.fromCharCode(byte);
    return { type: "clipboard_part", serial: want.serial, offset: want.offset, data: btoa(characters) };
  }

  /** The first question for what was offered; null where it is too much. */
  offered(offer: ClipOffer): ClipWant | null {
    this.coming = null;
    if (!Object.hasOwn(MOST_CLIP_BYTES, offer.kind)) return null;
    if (!(offer.size_bytes > 0 && offer.size_bytes <= MOST_CLIP_BYTES[offer.kind])) return null;
    this.coming = { offer, data: new Uint8Array(offer.size_bytes), filled: 0 };
    return { type: "clipboard_want", serial: offer.serial, offset: 0 };
  }

  /** The next question, the whole clip, or null: an older clip, or one that is broken. */
  part(part: ClipPart): ClipWant | Clip | null {
    const { coming } = this;
    if (coming === null || part.serial !== coming.offer.serial) return null;
    const { offer } = coming;
    this.coming = null;
    let characters: string;
    try {
      characters = atob(part.data);
    } catch {
      return null;
    }
    const isFitting = characters.length > 0 && coming.filled + characters.length <= offer.size_bytes;
    if (part.offset !== coming.filled || !isFitting) return null;
    for (let index = 0; index < characters.length; index += 1) {
      coming.data[coming.filled + index] = characters.charCodeAt(index);
    }
    coming.filled += characters.length;
    if (coming.filled === offer.size_bytes) return { kind: offer.kind, data: coming.data };
    this.coming = coming;
    return { type: "clipboard_want", serial: part.serial, offset: coming.filled };
  }
}
