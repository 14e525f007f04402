/** A question before something that can't be taken back; the keyboard begins at No. */

interface AskProps {
  question: string;
  yes: string;
  no: string;
  onAnswer: (isYes: boolean) => void;
}

export function Ask({ question, yes, no, onAnswer }: AskProps) {
  return (
    <fieldset
      className="ask"
      aria-label={question}
      onKeyDown={(event) => event.key === "Escape" && onAnswer(false)}
      data-testid="ask"
    >
      <span className="ask-text">{question}</span>
      <button className="button ask-end" type="button" onClick={() => onAnswer(true)} data-testid="ask-yes">
        {yes}
      </button>
      {/* biome-ignore lint/a11y/noAutofocus: a held Enter changes nothing */}
      <button className="button" type="button" autoFocus onClick={() => onAnswer(false)} data-testid="ask-no">
        {no}
      </button>
    </fieldset>
  );
}
