import { describe, expect, it } from "vitest";
import { type Clip, ClipExchange, type ClipWant, MOST_CLIP_BYTES } from "../src/clip_exchange";
import { isPaste } from "../src/keys";

function text(value: string): Clip {
  return { kind: "text", data: new TextEncoder().encode(value) };
}

function carry(clip: Clip, from: ClipExchange, to: ClipExchange): Clip | null {
  const offer = from.offer(clip);
  let want = offer && to.offered(offer);
  while (want !== null) {
    const part = from.wanted(want);
    const answer = part && to.part(part);
    if (answer === null || !("type" in answer)) return answer;
    want = answer;
  }
  return null;
}

describe("clips in parts", () => {
  it("arrive whole, whatever their length", () => {
    for (const clip of [text("a"), text("Grüße, 世界 🎮".repeat(10_000))]) {
      expect(carry(clip, new ClipExchange(), new ClipExchange())).toEqual(clip);
    }
  });

  it("give way to a newer one", () => {
    const [from, to] = [new ClipExchange(), new ClipExchange()];
    const old = from.offer(text("old"));
    const oldPart = from.wanted({ type: "clipboard_want", serial: old?.serial ?? 0, offset: 0 });
    const want = to.offered(from.offer(text("new")) as never) as ClipWant;
    expect(oldPart && to.part(oldPart)).toBeNull();
    expect(from.wanted({ type: "clipboard_want", serial: old?.serial ?? 0, offset: 0 })).toBeNull();
    expect(to.part(from.wanted(want) as never)).toEqual(text("new"));
  });

  it("are refused when too large, empty, or not what was said", () => {
    const [from, to] = [new ClipExchange(), new ClipExchange()];
    expect(from.offer(text(""))).toBeNull();
    expect(from.offer({ kind: "text", data: new Uint8Array(MOST_CLIP_BYTES.text + 1) })).toBeNull();
    const offer = { type: "clipboard_offer", serial: 1, kind: "text", size_bytes: 3 } as const;
    expect(to.offered({ ...offer, size_bytes: MOST_CLIP_BYTES.text + 1 })).toBeNull();
    for (const data of ["not base64!", btoa("four"), ""]) {
      to.offered(offer);
      expect(to.part({ type: "clipboard_part", serial: 1, offset: 0, data })).toBeNull();
    }
  });

  it("need not be offered twice, unless the game copied something since", () => {
    const exchange = new ClipExchange();
    exchange.offer(text("same"));
    expect(exchange.isOffered(text("same"))).toBe(true);
    expect(exchange.isOffered(text("some"))).toBe(false);
    exchange.forget();
    expect(exchange.isOffered(text("same"))).toBe(false);
  });
});

describe("the paste key", () => {
  const key = { code: "KeyV", ctrlKey: true, altKey: false, shiftKey: false, metaKey: false, repeat: false };
  it("is Ctrl+V, with Shift in terminals, and Shift+Insert", () => {
    expect(isPaste(key)).toBe(true);
    expect(isPaste({ ...key, shiftKey: true })).toBe(true);
    expect(isPaste({ ...key, code: "Insert", ctrlKey: false, shiftKey: true })).toBe(true);
  });
  it("is not what repeats, nor V alone, nor Ctrl+Insert, which copies", () => {
    expect(isPaste({ ...key, repeat: true })).toBe(false);
    expect(isPaste({ ...key, ctrlKey: false })).toBe(false);
    expect(isPaste({ ...key, code: "Insert" })).toBe(false);
  });
});
