"""Networks as they are: a link of the bench's own between a browser and Dillinger, and what a viewer sees over it."""
