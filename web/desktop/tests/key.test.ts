import { describe, expect, it } from "vitest";
import { takeKey } from "../src/key";

function tab(hash: string, stored: string | null = null) {
  const storage = new Map(stored ? [["dillinger.desktop.key", stored]] : []);
  const shown = { address: `/${hash}` };
  const key = takeKey(
    { hash, pathname: "/" },
    {
      replaceState: (_data, _unused, url) => {
        shown.address = String(url);
      },
    },
    { getItem: (name) => storage.get(name) ?? null, setItem: (name, value) => void storage.set(name, value) },
  );
  return { key, stored: storage.get("dillinger.desktop.key") ?? null, address: shown.address };
}

describe("the key of a desktop", () => {
  it("is taken out of the address and kept for a reload", () => {
    const key = "a-key_of-more-than-16";
    expect(tab(`#${key}`)).toEqual({ key, stored: key, address: "/" });
    expect(tab("", key)).toEqual({ key, stored: key, address: "/" });
  });

  it("replaces the one of a stream before", () => {
    expect(tab("#the-key-of-a-new-stream", "the-key-of-an-old-one")).toMatchObject({ key: "the-key-of-a-new-stream" });
  });

  it("is none where the address holds something else", () => {
    for (const hash of ["", "#", "#short", "#with spaces and more", `#${"x".repeat(201)}`]) {
      expect(tab(hash)).toMatchObject({ key: null, address: `/${hash}` });
    }
  });
});
