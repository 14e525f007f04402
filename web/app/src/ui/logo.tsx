/** The name, drawn: the four bars of d-ILLI-nger are the mark, a level meter and a cell's bars at once. */

export function Mark({ isBusy = false }: { isBusy?: boolean }) {
  return (
    <svg className={isBusy ? "mark mark-busy" : "mark"} viewBox="0 0 32 32" aria-hidden="true">
      <path className="mark-bar" d="M8 14.5v9" />
      <path className="mark-bar" d="M13.4 8.5v15" />
      <path className="mark-bar" d="M18.6 8.5v15" />
      <path className="mark-bar" d="M24 14.5v9" />
      <circle className="mark-dot" cx="8" cy="8.9" r="1.9" />
      <circle className="mark-dot" cx="24" cy="8.9" r="1.9" />
    </svg>
  );
}

export function Wordmark() {
  return (
    <svg className="wordmark" viewBox="0 0 106 36" role="img" aria-label="Dillinger">
      <title>Dillinger</title>
      <circle cx="8.5" cy="19.5" r="6" />
      <path d="M14.5 4.5V25.5M20.7 14V25.5M26.2 4.5V25.5M31.7 4.5V25.5M37.2 14V25.5" />
      <path d="M43.4 14V25.5M43.4 19.2a5.4 5.4 0 0 1 10.8 0V25.5" />
      <circle cx="66" cy="19.5" r="6" />
      <path d="M72 14V26.6a5.9 5.9 0 0 1-10.9 3" />
      <path d="M78.2 19.5h11.6a5.9 5.9 0 1 0-1.7 4.3" />
      <path d="M96 14V25.5M96 19.3a5.6 5.6 0 0 1 6-5.4" />
      <circle className="wordmark-dot" cx="20.7" cy="7.4" r="2.1" />
      <circle className="wordmark-dot" cx="37.2" cy="7.4" r="2.1" />
    </svg>
  );
}
