import { describe, expect, it } from "vitest";
import { LAYOUTS, layoutOfLanguages, layoutOfSigns, PLACES, withLanguages } from "../src/layouts";

function mapOf(signs: string): Map<string, string> {
  return new Map([...signs].map((sign, index) => [PLACES[index] as string, sign]));
}

describe("the layout that a keyboard's signs tell", () => {
  it.each(LAYOUTS.filter(({ signs }) => signs !== ""))(
    "is $name for its own signs, even with one that differs",
    (layout) => {
      expect(layoutOfSigns(mapOf(layout.signs))).toBe(layout.name);
      const [first, ...rest] = [...layout.signs];
      expect(first).toBeDefined();
      expect([layout.name, null]).toContain(layoutOfSigns(mapOf(["\u2603", ...rest].join(""))));
    },
  );

  it("is none for signs that nobody has, or for too few", () => {
    expect(layoutOfSigns(mapOf("\u2603".repeat(PLACES.length)))).toBeNull();
    expect(layoutOfSigns(new Map([["KeyQ", "q"]]))).toBeNull();
  });

  it("is what languages say where it is the US one with more on AltGr", () => {
    expect(withLanguages("us", ["pl-PL", "en"])).toBe("pl");
    expect(withLanguages("us", ["de-DE"])).toBe("us");
    expect(withLanguages("de", ["pl"])).toBe("de");
  });
});

describe("the layout that languages make likely", () => {
  it("is that of the most exact beginning, of the first language that is known", () => {
    expect(layoutOfLanguages(["de-DE", "en"])).toBe("de");
    expect(layoutOfLanguages(["de-CH"])).toBe("ch");
    expect(layoutOfLanguages(["fr-BE"])).toBe("be");
    expect(layoutOfLanguages(["es-ES"])).toBe("es");
    expect(layoutOfLanguages(["es-MX"])).toBe("latam");
    expect(layoutOfLanguages(["tlh", "sv"])).toBe("se");
    expect(layoutOfLanguages(["eng"])).toBe("us");
    expect(layoutOfLanguages([])).toBe("us");
  });

  it("has each name once", () => {
    expect(new Set(LAYOUTS.map(({ name }) => name)).size).toBe(LAYOUTS.length);
  });
});
