/**
 * Keyboard layouts, and which one a person has. Pure.
 *
 * Keys travel as places, so the desktop in the cell has to know what is printed on them. Chromium tells what some keys write (Keyboard
 * Map); elsewhere the browser's language says what is likely. Names are those of XKB.
 */

export interface Layout {
  /** XKB's layout, and its variant after a colon. */
  name: string;
  label: string;
  /**
   * What `PLACES` write alone, in their order, dead keys by their accent; a space where systems differ. "" where languages alone tell.
   */
  signs: string;
  /** Languages (BCP 47, beginnings) whose speakers mostly have it. */
  languages: string[];
}

/** The places that tell layouts apart. */
export const PLACES = [
  "KeyQ",
  "KeyW",
  "KeyY",
  "KeyA",
  "KeyZ",
  "KeyM",
  "Semicolon",
  "Quote",
  "BracketLeft",
  "BracketRight",
  "Minus",
  "Slash",
  "Backquote",
  "IntlBackslash",
  "Backslash",
] as const;

export const FIRST_LAYOUT = "us";

export const LAYOUTS: readonly Layout[] = [
  { name: "us", label: "English (US)", signs: "qwyazm;'[]-/` \\", languages: ["en"] },
  { name: "gb", label: "English (UK)", signs: "qwyazm;'[]-/` #", languages: ["en-GB", "en-IE"] },
  { name: "us:dvorak", label: "English (Dvorak)", signs: "',fa;ms-/=[z`", languages: [] },
  { name: "us:colemak", label: "English (Colemak)", signs: "qwjazmo'[]-/`", languages: [] },
  { name: "de", label: "German", signs: "qwzaymöäü+ß-^<", languages: ["de"] },
  { name: "ch", label: "Swiss German", signs: "qwzaymöäü¨'-§<", languages: ["de-CH", "de-LI"] },
  { name: "ch:fr", label: "Swiss French", signs: "qwzayméàè¨'-§<", languages: ["fr-CH"] },
  { name: "fr", label: "French", signs: "azyqw,mù^$)!²<", languages: ["fr"] },
  { name: "be", label: "Belgian", signs: "azyqw,mù^$)=²<", languages: ["fr-BE", "nl-BE"] },
  { name: "ca", label: "French (Canada)", signs: "qwyazm;`^¸-é#«", languages: ["fr-CA"] },
  { name: "nl", label: "Dutch", signs: "", languages: [] },
  { name: "es", label: "Spanish", signs: "qwyazmñ´`+'-º<", languages: ["es-ES", "eu", "ca", "gl"] },
  { name: "latam", label: "Spanish (Latin America)", signs: "qwyazmñ{´+'-|<", languages: ["es"] },
  { name: "pt", label: "Portuguese", signs: "qwyazmçº+´'-\\<", languages: ["pt-PT"] },
  { name: "br", label: "Portuguese (Brazil)", signs: "qwyazmç~´[-;'\\", languages: ["pt"] },
  { name: "it", label: "Italian", signs: "qwyazmòàè+'-\\<", languages: ["it"] },
  { name: "se", label: "Swedish, Finnish", signs: "qwyazmöäå¨+-§<", languages: ["sv", "fi"] },
  { name: "dk", label: "Danish", signs: "qwyazmæøå¨+-½<", languages: ["da"] },
  { name: "no", label: "Norwegian", signs: "qwyazmøæå¨+-|<", languages: ["no", "nb", "nn"] },
  { name: "pl", label: "Polish", signs: "", languages: ["pl"] },
  { name: "cz", label: "Czech", signs: "qwzaymů§ú)=-;\\", languages: ["cs"] },
  { name: "sk", label: "Slovak", signs: "qwzaymô§úä=-;&", languages: ["sk"] },
  { name: "hu", label: "Hungarian", signs: "qwzayméáőúü-0í", languages: ["hu"] },
  { name: "hr", label: "Croatian, Slovenian", signs: "qwzaymčćšđ'-¸<", languages: ["hr", "sl", "bs"] },
  { name: "ro", label: "Romanian", signs: "qwyazmșțăî-/„â", languages: ["ro"] },
  { name: "tr", label: "Turkish", signs: 'qwyazmşiğü*."<', languages: ["tr"] },
  { name: "gr", label: "Greek", signs: ";ςυαζμ΄'[]-/`<", languages: ["el"] },
  { name: "ru", label: "Russian", signs: "йцнфяьжэхъ-.ё", languages: ["ru"] },
  { name: "ua", label: "Ukrainian", signs: "йцнфяьжєхї-.'", languages: ["uk"] },
  { name: "il", label: "Hebrew", signs: "/'טשזצף,][-.;", languages: ["he"] },
  { name: "jp", label: "Japanese", signs: "qwyazm;:@[-/", languages: ["ja"] },
  { name: "kr", label: "Korean", signs: "", languages: ["ko"] },
];

/** The layout whose keys write what these write: the best that differs in one place at most; null where none does. */
export function layoutOfSigns(written: ReadonlyMap<string, string>): string | null {
  let best: { name: string; misses: number } | null = null;
  for (const layout of LAYOUTS) {
    const signs = [...layout.signs];
    const known = PLACES.filter((place, index) => written.has(place) && (signs[index] ?? " ") !== " ");
    if (signs.length === 0 || known.length < 10) continue;
    const misses = known.filter((place) => written.get(place)?.[0] !== signs[PLACES.indexOf(place)]).length;
    if (misses <= 1 && (best === null || misses < best.misses)) best = { name: layout.name, misses };
  }
  return best?.name ?? null;
}

/** The layout that most people have who read these languages, the first that is known; the longest beginning counts. */
export function layoutOfLanguages(languages: readonly string[]): string {
  for (const language of languages) {
    const matches = LAYOUTS.flatMap(({ name, languages: beginnings }) =>
      beginnings
        .filter((beginning) => `${language}-`.startsWith(`${beginning}-`))
        .map((beginning) => ({ name, beginning })),
    );
    const longest = matches.sort((one, other) => other.beginning.length - one.beginning.length)[0];
    if (longest) return longest.name;
  }
  return FIRST_LAYOUT;
}

/** Some layouts are the US one with more letters on AltGr: then languages tell. */
export function withLanguages(found: string, languages: readonly string[]): string {
  if (found !== FIRST_LAYOUT) return found;
  const likely = LAYOUTS.find(({ name }) => name === layoutOfLanguages(languages));
  return likely?.signs === "" ? likely.name : found;
}

/** What this browser's person has. Devices without keys of their own write by an on-screen keyboard, which types US keys. */
export async function ownLayout(): Promise<string> {
  if (!matchMedia("(any-pointer: fine)").matches) return FIRST_LAYOUT;
  try {
    const keyboard = (navigator as { keyboard?: { getLayoutMap(): Promise<ReadonlyMap<string, string>> } }).keyboard;
    const found = keyboard && layoutOfSigns(await keyboard.getLayoutMap());
    if (found) return withLanguages(found, navigator.languages);
  } catch {
    // Not in a frame of another site, and not where the browser's settings forbid it.
  }
  return layoutOfLanguages(navigator.languages);
}
