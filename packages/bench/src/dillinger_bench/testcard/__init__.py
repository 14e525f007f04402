"""The test card: a guest that draws what it knows (`guest`), and how that is read from pictures (`read`)."""
