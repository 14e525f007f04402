"""One session's seat: it starts and watches over a cell, streams what it shows, and tells the runner how it goes."""
