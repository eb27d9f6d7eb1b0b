"""Parameters that several codecs have, and the forms in which they are written."""
