/** A command's words as one line that a person edits, quoted as in a shell; nothing is expanded. Pure. */

/** The words of `line`; null when a quote does not end. */
export function splitWords(line: string): string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const letter = line.charAt(at);
    if (quote) {
      if (letter === quote) quote = "";
      else if (quote === '"' && letter === "\\" && '"\\'.includes(line.charAt(at + 1) || " "))
        word += line.charAt(++at);
      else word += letter;
    } else if (letter === '"' || letter === "'") {
      quote = letter;
      word ??= "";
    } else if (/\s/.test(letter)) {
      if (word !== null) words.push(word);
      word = null;
    } else {
      word = (word ?? "") + letter;
    }
  }
  if (quote) return null;
  if (word !== null) words.push(word);
  return words;
}

/** A line that `splitWords` reads as `words`. */
export function joinWords(words: readonly string[]): string {
  return words
    .map((word) => {
      if (word !== "" && !/[\s"']/.test(word)) return word;
      return word.includes('"') && !word.includes("'")
        ? `'${word}'`
        : `"${word.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
    })
    .join(" ");
}

/** `NAME=value`, one a line; null and the line where one has no name. */
export function splitPairs(text: string): { pairs: Record<string, string> } | { wrong: string } {
  const pairs: Record<string, string> = {};
  for (const line of text.split("\n")) {
    if (!line.trim()) continue;
    const at = line.indexOf("=");
    const name = line.slice(0, at).trim();
    if (at < 0 || !name) return { wrong: line.trim() };
    pairs[name] = line.slice(at + 1).trim();
  }
  return { pairs };
}

export function joinPairs(pairs: Readonly<Record<string, string>>): string {
  return Object.entries(pairs)
    .map(([name, value]) => `${name}=${value}`)
    .join("\n");
}
