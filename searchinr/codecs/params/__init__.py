"""Parameters that several codecs have in common, and the forms in which users write them."""
